//! Private namespaces for an engine and everything that it starts.
//!
//! Own mounts, own `/run` and own process ids: whatever a test leaves running or mounted, also when it fails or is
//! killed, ends with the namespaces. Other tests' containers, and the machine's own, can't be met in there.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

use nix::sched::{CloneFlags, setns, unshare};

use super::process::{Job, Ran};
use super::programs;

/// Which control groups the inside sees.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cgroups {
    /// The machine's own.
    Machine,
    /// Version 2 alone, as crun wants it.
    Unified,
}

/// The namespaces, and the process that holds them.
pub(crate) struct Realm {
    holder: Child,
    mounts: File,
    processes: File,
}

/// Process 1 of the realm. bash, because it reaps orphans; it ends when the pipe from the test does.
const HOLDER: &str = r#"set -e
mount -t tmpfs -o mode=755 tmpfs /run
mount -t tmpfs tmpfs /dev/shm
if [ "$1" = unified ]; then
    umount -R /sys/fs/cgroup
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
fi
echo ready
read -r _ || true"#;

impl Realm {
    pub(crate) fn new(cgroups: Cgroups) -> Self {
        assert!(nix::unistd::geteuid().is_root(), "these tests start containers: run them as root");
        let mut command = Command::new(programs::system("unshare", "util-linux"));
        command.args(["--mount", "--pid", "--fork", "--kill-child", "--propagation", "private", "--mount-proc"]);
        Self::held_by(&mut command, cgroups, Command::spawn)
    }

    /// One beside this one: its processes see each other, its mounts are its own. Processes end with the first one's.
    pub(crate) fn beside(&self, cgroups: Cgroups) -> Self {
        let mut command = Command::new(programs::system("unshare", "util-linux"));
        command.args(["--mount", "--propagation", "private"]);
        Self::held_by(&mut command, cgroups, |command| self.spawn(command))
    }

    fn held_by(command: &mut Command, cgroups: Cgroups, spawn: impl FnOnce(&mut Command) -> io::Result<Child>) -> Self {
        command.args(["bash", "-c", HOLDER, "bash", if cgroups == Cgroups::Unified { "unified" } else { "machine" }]);
        let mut holder = spawn(command.stdin(Stdio::piped()).stdout(Stdio::piped())).expect("unshare");
        let mut line = String::new();
        BufReader::new(holder.stdout.take().expect("piped")).read_line(&mut line).expect("holder");
        assert_eq!(line, "ready\n", "the private namespaces can't be made");
        let namespace = |name| File::open(format!("/proc/{}/ns/{name}", holder.id())).expect("namespace");
        Self { mounts: namespace("mnt"), processes: namespace("pid_for_children"), holder }
    }

    /// Starts a command inside. It is our own child: signals, files and exit status are as if it ran outside.
    pub(crate) fn start(&self, command: &mut Command, stdin: &[u8]) -> Job {
        Job::start(command, stdin, |command| self.spawn(command))
    }

    /// Runs a command inside to its end.
    #[track_caller]
    pub(crate) fn run(&self, command: &mut Command) -> Ran {
        self.start(command, b"").wait()
    }

    pub(crate) fn spawn(&self, command: &mut Command) -> io::Result<Child> {
        // Entering changes the thread that does it, so a thread is made for it.
        thread::scope(|scope| {
            let entered = scope.spawn(|| {
                self.enter()?;
                command.spawn()
            });
            entered.join().expect("spawning thread")
        })
    }

    /// Makes a folder one that nobody inside can write in.
    pub(crate) fn make_read_only(&self, folder: &Path) {
        for options in ["bind", "bind,remount,ro"] {
            let mut mount = Command::new(programs::system("mount", "mount"));
            self.run(mount.args(["-o", options]).arg(folder).arg(folder)).ok();
        }
    }

    /// Puts a copy of `/etc` in its place, for what writes there.
    pub(crate) fn own_etc(&self) {
        let copy = "mount -t tmpfs tmpfs /mnt && cp -a /etc/. /mnt/ && mount --bind /mnt /etc && umount /mnt";
        self.run(Command::new("/bin/sh").args(["-c", copy])).ok();
    }

    /// Moves this thread, which can't go back, and all that it starts from now on.
    pub(crate) fn enter(&self) -> nix::Result<()> {
        unshare(CloneFlags::CLONE_FS)?;
        setns(&self.mounts, CloneFlags::CLONE_NEWNS)?;
        setns(&self.processes, CloneFlags::CLONE_NEWPID)
    }

    /// A path of the inside, as it can be opened from the outside.
    pub(crate) fn outside(&self, path: &str) -> PathBuf {
        Path::new("/proc").join(self.holder.id().to_string()).join("root").join(path.trim_start_matches('/'))
    }

    /// Whether a process (its id outside) belongs to the realm itself, not to a container in it.
    pub(crate) fn holds(&self, pid: u32) -> bool {
        let namespace = |pid: u32, name: &str| std::fs::read_link(format!("/proc/{pid}/ns/{name}")).ok();
        let own = namespace(self.holder.id(), "pid_for_children");
        own.is_some() && namespace(pid, "pid") == own
    }
}

impl Drop for Realm {
    fn drop(&mut self) {
        // The holder is process 1 of the realm: the kernel ends everything in it with it.
        drop(self.holder.stdin.take());
        let _ = self.holder.wait();
    }
}
