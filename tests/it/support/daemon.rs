//! A daemon of the test's own, in the foreground on a temporary folder.

use std::fs::{self, File, Permissions};
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::cli::Cli;
use super::process::wait_until;
use super::programs;

/// The daemon; killed when dropped.
pub(crate) struct Daemon {
    folder: PathBuf,
    child: Option<Child>,
    user: Option<u32>,
    program: Option<PathBuf>,
}

impl Daemon {
    /// Starts one with its state, socket and log in this folder.
    pub(crate) fn start(folder: &Path) -> Self {
        let mut daemon = Self::stopped(folder);
        daemon.launch();
        daemon.wait_ready();
        daemon
    }

    /// Another build of it.
    pub(crate) fn start_program(program: PathBuf, folder: &Path) -> Self {
        let mut daemon = Self::stopped(folder);
        daemon.program = Some(program);
        daemon.launch();
        daemon.wait_ready();
        daemon
    }

    /// One that has not been started.
    pub(crate) fn stopped(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), child: None, user: None, program: None }
    }

    /// One that runs as this user, whose folder it becomes; every user can reach its socket.
    pub(crate) fn start_as(user: u32, folder: &Path) -> Self {
        chown(folder, Some(user), Some(user)).expect("owner");
        let mut daemon = Self::stopped(folder);
        daemon.user = Some(user);
        // Ours may lie where that user can't go, such as below somebody's home.
        let (ours, theirs) = (programs::ampoule(), daemon.program());
        fs::hard_link(&ours, &theirs).unwrap_or_else(|_| programs::copy(&ours, &theirs));
        daemon.launch();
        daemon.wait_ready();
        for (path, mode) in [(folder, 0o711), (&daemon.socket(), 0o666)] {
            fs::set_permissions(path, Permissions::from_mode(mode)).expect("mode");
        }
        daemon
    }

    /// Starts the process without waiting for it.
    pub(crate) fn launch(&mut self) {
        self.launch_by(Command::spawn);
    }

    /// The same, elsewhere.
    pub(crate) fn launch_by(&mut self, spawn: impl FnOnce(&mut Command) -> io::Result<Child>) {
        let log = File::options().append(true).create(true).open(self.log()).expect("daemon.log");
        let mut command = self.command();
        let child = spawn(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log));
        self.child = Some(child.expect("ampoule serve"));
    }

    /// The command line that starts it.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(self.program());
        // An absent settings file would be a mistake of the caller's, so there is an empty one.
        let config = self.folder.join("ampoule.yaml");
        if !config.exists() {
            fs::write(&config, "{}\n").expect("ampoule.yaml");
        }
        command.env_clear().env("PATH", "/usr/bin:/bin").env("AMPOULE_STATE_DIR", self.state());
        command.env("AMPOULE_SOCKET", self.socket()).env("AMPOULE_CONFIG", config);
        command.args(["serve", "--log-format", "json"]);
        if let Some(user) = self.user {
            command.uid(user).gid(user);
        }
        command
    }

    /// The program, where this daemon's user can execute it.
    pub(crate) fn program(&self) -> PathBuf {
        let ours = || self.program.clone().unwrap_or_else(programs::ampoule);
        if self.user.is_some() { self.folder.join("ampoule") } else { ours() }
    }

    pub(crate) fn wait_ready(&mut self) {
        let ended = self.wait_ready_or_ended();
        assert!(ended.is_none(), "the daemon ended: {}", self.log_text());
    }

    /// Waits until it serves, or has ended: then with its status.
    pub(crate) fn wait_ready_or_ended(&mut self) -> Option<ExitStatus> {
        let mut ended = None;
        wait_until("the daemon's socket answers", || {
            ended = self.child.as_mut().expect("launched").try_wait().expect("wait");
            ended.is_some() || UnixStream::connect(self.socket()).is_ok()
        });
        ended
    }

    /// What `kill -9` does.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.as_ref().expect("running").id()
    }

    /// Waits for the end that was asked for by a signal.
    pub(crate) fn wait_stopped(&mut self) {
        let mut child = self.child.take().expect("launched");
        wait_until("the daemon has stopped", || child.try_wait().expect("wait").is_some());
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid().cast_signed()), signal).expect("signal");
    }

    /// The command line of whom the daemon belongs to.
    pub(crate) fn cli(&self) -> Cli {
        let socket = self.socket();
        self.user.map_or_else(|| Cli::new(&socket), |user| Cli::of_user(user, self.program(), &socket))
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.join("ampoule.sock")
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.folder.join("state")
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.folder.join("daemon.log")
    }

    /// Where it listens on the network.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        let log = self.log_text();
        let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let listening = lines.filter(|line| line["message"] == "listening");
        listening.map(|line| line["address"].as_str().expect("an address").parse().expect("an address")).collect()
    }

    pub(crate) fn log_text(&self) -> String {
        fs::read_to_string(self.log()).unwrap_or_default()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.kill();
    }
}
