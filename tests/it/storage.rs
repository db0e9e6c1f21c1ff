//! A disk that is full, read-only, or fails to flush: nothing is opened that can't be recorded, and all is well again
//! when the disk is.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::daemon::Daemon;
use crate::support::process::{self, Job, wait_until};
use crate::support::programs;
use crate::support::realm::{Cgroups, Realm};
use crate::support::rig::temporary_folder;
use crate::support::rpc::{Rpc, RpcError};
use crate::support::search::Needle;

/// Calls a daemon whose disk comes and goes, and remembers what was answered.
struct Caller {
    socket: PathBuf,
    rpc: Rpc,
    needle: Needle,
    id: String,
    resolved: usize,
    created: usize,
}

impl Caller {
    fn new(socket: &Path) -> Self {
        let (mut rpc, needle) = (Rpc::new(socket), Needle::random());
        let id = rpc.create(&json!({ "value": needle.value(), "revealable": true }));
        Self { socket: socket.to_owned(), rpc, needle, id, resolved: 0, created: 1 }
    }

    /// One of each access; the errors, none of which may tell the value.
    fn accesses(&mut self) -> Vec<RpcError> {
        let resolved = self.rpc.resolve(&self.id);
        self.resolved += usize::from(resolved.is_ok());
        let created = self.rpc.vault("CreateObject", &json!({ "value": "x" }));
        self.created += usize::from(created.is_ok());
        let described = self.rpc.describe(&self.id);
        let listed = self.rpc.vault("ListObjects", &json!({}));
        let errors = [resolved.err(), created.err(), described.err(), listed.err()];
        errors.into_iter().flatten().collect()
    }

    /// All are refused, for the reason that it is.
    #[track_caller]
    fn assert_refused(&mut self, what: &str, mut before_each: impl FnMut()) {
        // What the database has room for in its own files may still be done.
        wait_until(&format!("{what}: every access is refused"), || {
            before_each();
            let errors = self.accesses();
            for error in &errors {
                assert_eq!(error.code, "unavailable", "{what}: {error}");
                assert!(!self.needle.is_in(error.message.as_bytes()), "{what}: {error}");
            }
            errors.len() == 4
        });
        wait_until(&format!("{what}: health is red"), || {
            before_each();
            self.page("/readyz").ends_with("503") && self.page("/healthz").ends_with("200")
        });
        let checked = self.rpc.call("grpc.health.v1.Health/Check", &json!({})).expect("an answer");
        assert_eq!(checked["status"], "NOT_SERVING", "{what}");
    }

    /// All are answered, by the same process, and everything that was answered before is there with its entry.
    #[track_caller]
    fn assert_well(&mut self, what: &str) {
        wait_until(&format!("{what}: every access is answered"), || self.accesses().is_empty());
        wait_until(&format!("{what}: health is green"), || self.page("/readyz").ends_with("200"));
        assert_eq!(self.rpc.resolve(&self.id).as_deref(), Ok(self.needle.value()));
        self.resolved += 1;
        let entries = self.rpc.audit(0, "").0;
        let done = |action: &str| {
            let is_done = |entry: &&Value| entry["action"] == action && entry["attributes"]["outcome"] == "ok";
            entries.iter().filter(is_done).count()
        };
        let found = (done("vault.object.inject"), done("vault.object.create"));
        assert_eq!(found, (self.resolved, self.created), "{what}: what is in the log, and what was answered");
        let listed = self.rpc.vault("ListObjects", &json!({})).expect("a list");
        assert_eq!(listed["objects"].as_array().expect("objects").len(), self.created, "{what}");
    }

    fn page(&self, path: &str) -> String {
        let mut command = Command::new(programs::system("curl", "curl"));
        command.args(["--silent", "--write-out", "%{http_code}", "--unix-socket"]).arg(&self.socket);
        process::run(command.arg(format!("http://localhost{path}")).env_clear(), b"").ok().out()
    }
}

/// A daemon whose state is on a file system of its own, of this size.
struct Small {
    realm: Realm,
    job: Job,
    daemon: Daemon,
    _folder: TempDir,
}

impl Small {
    fn start(size: &str) -> Self {
        let (realm, folder) = (Realm::new(Cgroups::Machine), temporary_folder());
        let daemon = Daemon::stopped(folder.path());
        fs::create_dir(daemon.state()).expect("made");
        let mut mount = Command::new(programs::system("mount", "mount"));
        mount.args(["-t", "tmpfs", "-o", &format!("size={size},mode=0700"), "tmpfs"]).arg(daemon.state());
        realm.run(&mut mount).ok();
        let job = realm.start(&mut daemon.command(), b"");
        wait_until("the socket answers", || std::os::unix::net::UnixStream::connect(daemon.socket()).is_ok());
        Self { realm, job, daemon, _folder: folder }
    }

    fn filler(&self) -> PathBuf {
        self.realm.outside(self.daemon.state().join("filler").to_str().expect("UTF-8"))
    }

    fn fill(&self) {
        let mut filler = File::options().append(true).create(true).open(self.filler()).expect("a file");
        while filler.write_all(&[0; 4096]).is_ok() {}
        while filler.write_all(&[0]).is_ok() {}
    }
}

#[test]
fn a_full_disk() {
    let small = Small::start("4m");
    let mut caller = Caller::new(&small.daemon.socket());
    for round in 0..3 {
        caller.assert_refused("full", || small.fill());
        fs::remove_file(small.filler()).expect("removed");
        caller.assert_well(&format!("round {round}"));
    }
    kill(Pid::from_raw(small.job.pid().cast_signed()), Signal::SIGTERM).expect("a signal");
    let Small { realm, job, daemon, _folder } = small;
    job.wait().ok();
    let mut verify = Command::new(programs::ampoule());
    verify.args(["audit", "verify", "--database"]).arg(daemon.state().join("vault.db")).env_clear();
    realm.run(&mut verify).ok();
}

/// The system calls of a daemon that fail, until it is dropped.
struct Failing(Child);

impl Failing {
    /// strace answers in the place of the kernel.
    fn start(pid: u32, calls: &str, error: &str) -> Self {
        let mut strace = Command::new(programs::system("strace", "strace"));
        strace.args(["-f", "-qq", "-o", "/dev/null", "-p", &pid.to_string()]);
        strace.args(["-e", &format!("trace={calls}"), "-e", &format!("inject={calls}:error={error}")]);
        let child = strace.stdin(Stdio::null()).stdout(Stdio::null()).spawn().expect("strace");
        wait_until("every thread is traced", || traced(pid).into_iter().all(|is_traced| is_traced));
        Self(child)
    }

    fn stop(mut self, pid: u32) {
        kill(Pid::from_raw(self.0.id().cast_signed()), Signal::SIGTERM).expect("a signal");
        self.0.wait().expect("strace's end");
        wait_until("no thread is traced", || !traced(pid).contains(&true));
    }
}

fn traced(pid: u32) -> Vec<bool> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).expect("threads").flatten();
    let status = threads.map(|thread| fs::read_to_string(thread.path().join("status")).unwrap_or_default());
    status.map(|status| !status.contains("TracerPid:\t0\n")).collect()
}

fn failing_calls(calls: &str, error: &str) {
    let folder = temporary_folder();
    let daemon = Daemon::start(folder.path());
    let mut caller = Caller::new(&daemon.socket());
    for round in 0..3 {
        let failing = Failing::start(daemon.pid(), calls, error);
        caller.assert_refused(error, || {});
        // Also without anything to do.
        std::thread::sleep(Duration::from_millis(300));
        failing.stop(daemon.pid());
        caller.assert_well(&format!("{error}, round {round}"));
    }
    daemon
        .cli()
        .run(&["audit", "verify", "--database", daemon.state().join("vault.db").to_str().expect("UTF-8")], b"")
        .ok();
}

/// A file system that became read-only under open files, as after an error of the disk. (By `mount` it can't be made so
/// while the database is open for writing.)
#[test]
fn a_disk_that_became_read_only() {
    failing_calls("pwrite64,ftruncate,fallocate", "EROFS");
}

#[test]
fn a_disk_that_fails_to_flush() {
    failing_calls("fsync,fdatasync", "EIO");
}
