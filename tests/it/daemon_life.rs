//! The daemon's life: its first start, its end, and what it denies itself and others in between.

mod hardening;
mod keyfile;
mod slow_clients;
mod stop;
mod strangers;
mod systemd;

use std::fs;
use std::io;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::support::daemon::Daemon;
use crate::support::process::{Job, Ran, wait_until};
use crate::support::rig::temporary_folder;
use crate::support::wire::{Client, Protocol};

const HANG: Duration = Duration::from_mins(2);

/// A place for a daemon, running or not.
struct Home {
    paths: Daemon,
    folder: TempDir,
}

/// A daemon whose end is watched.
struct Running {
    job: Job,
    socket: PathBuf,
}

impl Home {
    fn new() -> Self {
        let folder = temporary_folder();
        Self { paths: Daemon::stopped(folder.path()), folder }
    }

    fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn socket(&self) -> PathBuf {
        self.paths.socket()
    }

    fn command(&self) -> Command {
        self.paths.command()
    }

    fn start(&self) -> Running {
        self.start_by(&mut self.command())
    }

    /// Starts it by this command and waits until it answers.
    #[track_caller]
    fn start_by(&self, command: &mut Command) -> Running {
        let job = Job::start(command, b"", Command::spawn);
        let socket = self.socket();
        let ended = || fs::read_link(format!("/proc/{}/exe", job.pid())).is_err();
        wait_until("the socket answers", || ended() || UnixStream::connect(&socket).is_ok());
        assert!(!ended(), "the daemon ended: {}", job.wait().err());
        Running { job, socket }
    }

    fn client(&self) -> Client {
        Client::new(&self.socket(), Protocol::ConnectJson)
    }
}

impl Running {
    fn pid(&self) -> u32 {
        self.job.pid()
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid().cast_signed()), signal).expect("signal");
    }

    /// Ends it as systemd does; what it left behind.
    #[track_caller]
    fn stop(self) -> Ran {
        self.signal(Signal::SIGTERM);
        let ran = self.job.wait().ok();
        assert!(ran.err().contains("stopped"), "{}", ran.err());
        ran
    }

    /// Waits until it takes no more connections.
    fn wait_deaf(&self) {
        wait_until("the daemon stops listening", || UnixStream::connect(&self.socket).is_err());
    }
}

/// A connection that doesn't wait for ever for a daemon that hangs.
fn connect(socket: &Path) -> io::Result<UnixStream> {
    let stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(HANG))?;
    Ok(stream)
}

/// What the daemon tells systemd.
struct Notices(UnixDatagram, PathBuf);

impl Notices {
    fn listen(folder: &Path) -> Self {
        let path = folder.join("notify.sock");
        let socket = UnixDatagram::bind(&path).expect("notify.sock");
        socket.set_read_timeout(Some(HANG)).expect("timeout");
        Self(socket, path)
    }

    fn path(&self) -> &Path {
        &self.1
    }

    #[track_caller]
    fn next(&self) -> String {
        let mut bytes = [0; 4096];
        let length = self.0.recv(&mut bytes).expect("a notice");
        String::from_utf8_lossy(&bytes[..length]).trim_end().to_owned()
    }
}
