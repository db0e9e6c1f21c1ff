//! Running a program to its end, with a guard against one that hangs.

use std::fs::{self, File};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::FileExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;

/// Far more than anything here needs; only a hang reaches it.
const HANG: Duration = Duration::from_mins(2);

/// What a finished program left behind.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
}

impl Ran {
    /// The exit code as a shell would give it.
    pub(crate) fn code(&self) -> i32 {
        exit_code(self.status)
    }

    pub(crate) fn out(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    pub(crate) fn err(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// Itself if it succeeded.
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        assert!(self.status.success(), "exit code {}\nstdout: {}\nstderr: {}", self.code(), self.out(), self.err());
        self
    }
}

/// The exit code as a shell would give it.
pub(crate) fn exit_code(status: ExitStatus) -> i32 {
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).expect("exited or killed")
}

/// A program under way, killed if it is dropped before its end.
pub(crate) struct Job {
    child: Child,
    stdout: File,
    stderr: File,
    what: String,
}

impl Job {
    /// Starts a command by `spawn`.
    ///
    /// Its output goes to files without a name, not to pipes: a container that it leaves running keeps a pipe open,
    /// and a file with a name would be found by the search for plaintext.
    pub(crate) fn start(
        command: &mut Command,
        stdin: &[u8],
        spawn: impl FnOnce(&mut Command) -> io::Result<Child>,
    ) -> Self {
        let (stdout, stderr) = (nameless(b""), nameless(b""));
        let handle = |file: &File| Stdio::from(file.try_clone().expect("file handle"));
        command.stdin(Stdio::from(nameless(stdin))).stdout(handle(&stdout)).stderr(handle(&stderr));
        let what = format!("{command:?}");
        let child = spawn(command).unwrap_or_else(|error| panic!("{what} can't be started: {error}"));
        Self { child, stdout, stderr, what }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Fails if it has ended, with what it wrote to standard error.
    #[track_caller]
    pub(crate) fn check_alive(&mut self) {
        let ended = self.child.try_wait().expect("wait");
        assert!(ended.is_none(), "{} ended: {}", self.what, String::from_utf8_lossy(&content(&mut self.stderr)));
    }

    /// What it has written to standard output so far.
    fn said(&self) -> String {
        let mut bytes = vec![0; 4096];
        // The place in the file is the program's.
        let read = self.stdout.read_at(&mut bytes, 0).expect("temporary file");
        String::from_utf8_lossy(&bytes[..read]).into_owned()
    }

    /// Waits until it has written this to standard output.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, text: &str) {
        wait_until(&format!("it says \"{text}\""), || {
            let ended = self.child.try_wait().expect("wait").is_some();
            let has_said = self.said().contains(text);
            assert!(has_said || !ended, "it ended: {}", String::from_utf8_lossy(&content(&mut self.stderr)));
            has_said
        });
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid().cast_signed()), signal).expect("signal");
    }

    /// Kills it, if it is still there, as `kill -9` does.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("kill");
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn wait(mut self) -> Ran {
        let (sender, ended) = mpsc::channel();
        let child = Pid::from_raw(self.pid().cast_signed());
        let ended_but_there = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
        // A hundred of these at once would take a fifth of the machine if each looked again and again.
        thread::spawn(move || {
            while waitid(Id::Pid(child), ended_but_there) == Err(Errno::EINTR) {}
            sender.send(())
        });
        let stuck = ended.recv_timeout(HANG).is_err();
        assert!(!stuck, "hangs: {}\nstderr: {}", self.what, String::from_utf8_lossy(&content(&mut self.stderr)));
        let status = self.child.wait().expect("wait");
        Ran { status, stdout: content(&mut self.stdout), stderr: content(&mut self.stderr) }
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// Whether one of the processes started this one, which may have gone.
pub(crate) fn is_child_of_any(pid: u32, processes: &[u32]) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let parent = status.lines().find_map(|line| line.strip_prefix("PPid:")).and_then(|pid| pid.trim().parse().ok());
    parent.is_some_and(|parent| processes.contains(&parent))
}

/// Kills a process, which may have done its work meanwhile.
pub(crate) fn kill_9(pid: u32) {
    let _ = kill(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL);
}

/// Runs a command on the machine as it is.
#[track_caller]
pub(crate) fn run(command: &mut Command, stdin: &[u8]) -> Ran {
    Job::start(command, stdin, Command::spawn).wait()
}

/// Waits until something is so, or panics with what was waited for.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < HANG, "waited in vain: {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

fn nameless(content: &[u8]) -> File {
    let mut file = tempfile::tempfile().expect("temporary file");
    file.write_all(content).and_then(|()| file.rewind()).expect("temporary file");
    file
}

fn content(file: &mut File) -> Vec<u8> {
    let mut bytes = Vec::new();
    file.rewind().and_then(|()| file.read_to_end(&mut bytes)).expect("temporary file");
    bytes
}
