//! A terminal, and somebody who types at it.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::libc;
use nix::pty::{PtyMaster, grantpt, posix_openpt, ptsname_r, unlockpt};
use nix::sys::termios::{LocalFlags, tcgetattr};

use rustix::termios::{Winsize, tcsetwinsize};

use super::process::{exit_code, wait_until};
use super::programs;

/// A program on a terminal of its own; killed if it is dropped before its end.
pub(crate) struct Terminal {
    child: Child,
    /// The side of the person.
    person: File,
    /// The side of the program, held so that it can be looked at when the program has gone.
    program: File,
    shown: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

/// What is left when the program has ended.
pub(crate) struct Closed {
    /// The exit code as a shell would give it.
    pub(crate) code: i32,
    /// All that was shown; lines end in carriage return and newline.
    pub(crate) shown: String,
    /// Whether the terminal shows what is typed and makes signals of keys again.
    pub(crate) is_restored: bool,
    /// Lines that were typed and not read: the next program gets them.
    pub(crate) unread: Vec<u8>,
}

impl Terminal {
    /// Starts a command whose environment was given as a whole.
    pub(crate) fn start(command: &Command) -> Self {
        Self::start_by(command, Command::spawn)
    }

    /// The same by `spawn`.
    pub(crate) fn start_by(command: &Command, spawn: impl FnOnce(&mut Command) -> io::Result<Child>) -> Self {
        let person = posix_openpt(OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC).expect("a terminal");
        let program = || other_side(&person);
        let mut leader = Command::new(programs::system("setsid", "util-linux"));
        // What started the tests may ignore signals, which everything after it inherits.
        let env = programs::system("env", "coreutils");
        leader.arg("--ctty").arg(env).args(["--default-signal", "--"]);
        leader.arg(command.get_program()).args(command.get_args()).env_clear();
        leader.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        leader.current_dir(command.get_current_dir().unwrap_or(Path::new("/")));
        let child = spawn(leader.stdin(program()).stdout(program()).stderr(program())).expect("setsid");
        let (program, shown) = (program(), Arc::default());
        let person = File::from(OwnedFd::from(person));
        let reader = read_in_background(person.try_clone().expect("file handle"), Arc::clone(&shown));
        Self { child, person, program, shown, reader: Some(reader) }
    }

    /// Waits until this is shown.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, text: &str) {
        let shown = || String::from_utf8_lossy(&self.shown.lock().expect("shown")).into_owned();
        let child = &mut self.child;
        wait_until(&format!("the terminal shows \"{text}\""), || {
            let ended = child.try_wait().expect("wait").is_some();
            let is_shown = shown().contains(text);
            assert!(is_shown || !ended, "it ended without showing \"{text}\": {}", shown());
            is_shown
        });
    }

    pub(crate) fn write(&mut self, keys: &[u8]) {
        self.person.write_all(keys).expect("the terminal takes keys");
    }

    /// Makes the terminal another size, of which the program is told.
    pub(crate) fn resize(&self, rows: u16, columns: u16) {
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&self.person, size).expect("a size");
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the program's end.
    #[track_caller]
    pub(crate) fn close(mut self) -> Closed {
        let mut status = None;
        wait_until("the program on the terminal ends", || {
            status = self.child.try_wait().expect("wait");
            status.is_some()
        });
        let flags = tcgetattr(&self.program).expect("terminal").local_flags;
        let is_restored = flags.contains(LocalFlags::ECHO | LocalFlags::ICANON | LocalFlags::ISIG);
        fcntl(&self.program, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).expect("terminal");
        let mut unread = Vec::new();
        let _ = self.program.read_to_end(&mut unread);
        self.hang_up();
        let shown = String::from_utf8_lossy(&self.shown.lock().expect("shown")).into_owned();
        Closed { code: exit_code(status.expect("ended")), shown, is_restored, unread }
    }

    /// Lets go of the program's side, which ends the reader.
    fn hang_up(&mut self) {
        self.program = File::open("/dev/null").expect("/dev/null");
        self.reader.take().expect("not hung up").join().expect("reader");
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

fn other_side(person: &PtyMaster) -> File {
    grantpt(person).and_then(|()| unlockpt(person)).expect("a terminal");
    let path = ptsname_r(person).expect("a terminal");
    File::options().read(true).write(true).custom_flags(libc::O_NOCTTY).open(path).expect("a terminal")
}

fn read_in_background(mut person: File, shown: Arc<Mutex<Vec<u8>>>) -> JoinHandle<()> {
    thread::spawn(move || {
        let mut part = [0; 4096];
        // It fails with EIO when nobody has the program's side any more.
        while let Ok(read @ 1..) = person.read(&mut part) {
            shown.lock().expect("shown").extend_from_slice(&part[..read]);
        }
    })
}
