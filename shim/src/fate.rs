//! What becomes of a container that was given secrets, told to the daemon for its inventory.
//!
//! Nobody waits for it but a `delete`, and that no longer than [`PATIENCE`], and podman where its hook tells. What isn't
//! told the daemon sees by itself, or it says that it doesn't know.

use std::ffi::{CString, OsStr, OsString, c_int};
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ampoule_proto::messages::ampoule::v1::{ContainerDescriptor, Fate as WireFate, Process, ReportRequest};
use ampoule_proto::{LONGEST_REASON, process};
use buffa::{EnumValue, MessageField};
use nix::fcntl::OFlag;
use nix::unistd::{execv, getpid};
use serde::{Deserialize, Serialize};

use crate::args::{self, Args, Dialect, option_before_command};
use crate::client;
use crate::config::{Environment, Settings};
use crate::private;
use crate::runtime::Runtime;

/// The folder in the run directory.
const FOLDER: &str = "injections";
/// How long a `delete`, a create that has failed, or a hook may be held up.
const PATIENCE: Duration = Duration::from_millis(50);
/// How long a create may be held up by a hook, whose news nobody else has: a daemon that restarts is waited for.
const CREATION_PATIENCE: Duration = Duration::from_secs(1);
/// The longest name that a file may have (`NAME_MAX`).
const LONGEST_NAME: usize = 255;

/// The name by which a guard that has become this program again is known.
const NAME: &str = "ampoule-report";

/// An injection, and where to see what becomes of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Fate {
    injection: String,
    socket: PathBuf,
    deadline: Duration,
    /// Where the runtime keeps the container's state, if this shim knows.
    state: Option<PathBuf>,
    /// What a `delete` finds in the run directory.
    marker: Option<PathBuf>,
    /// Whether the runtime deletes the container itself, when it has ended.
    runs: bool,
    /// When the runtime started: what is older is another container of the same id.
    runtime_started: Option<u64>,
}

impl Fate {
    /// That of the container of a `create` or `run`, before this process becomes the runtime; `injection` is empty from a
    /// daemon that keeps no inventory.
    pub fn of(injection: &str, args: &Args, settings: &Settings, environment: &Environment, runtime: &Runtime) -> Self {
        let id = args.id.as_deref().map(OsStr::new);
        let root = state_root(args.as_given(), environment, runtime);
        let known = root.zip(id);
        Self {
            injection: injection.to_owned(),
            socket: settings.socket.clone(),
            deadline: settings.deadline,
            marker: known.as_ref().and_then(|(root, id)| marker(&environment.run_dir(), root, id)),
            state: known.map(|(root, id)| root.join(id)),
            runs: args.runs(),
            runtime_started: process::started(getpid().as_raw()).ok().flatten(),
        }
    }

    /// Tells that this process can't become the runtime.
    pub fn tell_of_failure(&self) {
        if !self.injection.is_empty() {
            // The container's user has another error to read.
            tell_of_failure(&self.socket, &self.injection);
        }
    }

    /// Whether there is something to see before the runtime ends, in a `run` that ends with its container.
    pub(crate) fn can_be_seen(&self) -> bool {
        self.state.as_deref().is_some_and(|state| init_of(state).is_ok())
    }

    /// Becomes a process that tells what became of the container, now that the runtime has ended or [it can be seen](Self::can_be_seen);
    /// `undelivered` if it can't have got its values.
    ///
    /// By executing this program anew: nothing of the values is in its memory then, and of the async runtime that the
    /// shim had for its own call nothing is left.
    pub(crate) fn tell(&self, ended: bool, undelivered: bool) {
        if self.injection.is_empty() {
            return;
        }
        let Ok(told) = serde_json::to_string(&(self, ended, undelivered)) else { return };
        let Ok(told) = CString::new(told) else { return };
        let _ = execv(c"/proc/self/exe", &[&CString::new(NAME).unwrap_or_default(), &told]);
    }

    fn look_and_tell(&self, ended: bool, undelivered: bool) {
        let Some(request) = self.seen(ended, undelivered) else { return };
        if request.fate == EnumValue::from(WireFate::FATE_CREATED) && ended {
            self.mark();
        }
        let _ = client::report(&self.socket, &request, Instant::now() + self.deadline);
    }

    fn seen(&self, ended: bool, undelivered: bool) -> Option<ReportRequest> {
        let report = |fate| report(&self.injection, fate);
        if undelivered {
            return Some(report(WireFate::FATE_FAILED));
        }
        let pid = match init_of(self.state.as_deref()?) {
            Ok(pid) => pid,
            // Whether it failed or is over already can't be seen any more.
            Err(ErrorKind::NotFound) if ended && self.runs => return Some(report(WireFate::FATE_DELETED)),
            Err(ErrorKind::NotFound) if ended => return Some(report(WireFate::FATE_FAILED)),
            Err(_) => return None,
        };
        match (process::started(pid), self.runtime_started) {
            (Ok(Some(started)), Some(runtime)) if started < runtime => Some(report(WireFate::FATE_FAILED)),
            (Ok(Some(started)), _) => Some(created(&self.injection, pid, started)),
            // It has ended already.
            _ => Some(report(WireFate::FATE_DELETED)),
        }
    }

    /// Leaves word for the `delete`.
    fn mark(&self) {
        let (Some(marker), Some(state)) = (&self.marker, &self.state) else { return };
        let run_dir = marker.parent().and_then(Path::parent);
        if run_dir.and_then(|run_dir| private::folder(run_dir, FOLDER)).is_none() {
            return;
        }
        let flags = OFlag::O_NOFOLLOW.bits();
        let opened =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).custom_flags(flags).open(marker);
        let written = opened.and_then(|mut file| {
            // Engines call `delete` with less of an environment, and other settings may be found then.
            file.write_all(&[self.injection.as_bytes(), b"\n", self.socket.as_os_str().as_bytes()].concat())
        });
        // It may have been deleted meanwhile, and nobody else would take this away.
        if written.is_err() || !state.exists() {
            let _ = fs::remove_file(marker);
        }
    }
}

/// Whether this process was a guard.
pub fn is_called(argv: &[OsString]) -> bool {
    argv.first().is_some_and(|name| name == NAME)
}

/// Tells what became of a container, as the guard knows; returns the exit status.
pub fn main(argv: &[OsString]) -> c_int {
    let told = argv.get(1).and_then(|told| serde_json::from_slice::<(Fate, bool, bool)>(told.as_bytes()).ok());
    let Some((fate, ended, undelivered)) = told else { return 2 };
    fate.look_and_tell(ended, undelivered);
    0
}

/// Before a `delete` of a container that was given secrets: tells that it ends. Does nothing for another command, nor for a
/// container that nothing was told of.
pub fn tell_of_delete(argv: &[OsString], environment: &Environment, runtime: &Runtime) {
    let Some(id) = args::deleted(argv, Dialect::of(runtime.name())) else { return };
    let root = state_root(argv, environment, runtime);
    let Some(marker) = root.and_then(|root| marker(&environment.run_dir(), &root, id)) else { return };
    // Whoever else may write there could have this wait, or tell it anything.
    if private::existing(&environment.run_dir(), FOLDER).is_none() {
        return;
    }
    let Ok(left) = fs::read_to_string(&marker) else { return };
    let _ = fs::remove_file(marker);
    let Some((injection, socket)) = left.split_once('\n') else { return };
    let _ = client::report_once(Path::new(socket), &report(injection, WireFate::FATE_DELETED), soon());
}

/// Tells that a container is there, by its first process.
pub(crate) fn tell_of_creation(socket: &Path, injection: &str, pid: i32) {
    if let Ok(Some(started)) = process::started(pid) {
        let _ = client::report(socket, &created(injection, pid, started), Instant::now() + CREATION_PATIENCE);
    }
}

/// Tells that a container will not be created.
pub(crate) fn tell_of_failure(socket: &Path, injection: &str) {
    let _ = client::report_once(socket, &report(injection, WireFate::FATE_FAILED), soon());
}

/// Tells of a container for which nothing was resolved, and why.
pub(crate) fn tell_of_refusal(socket: &Path, container: ContainerDescriptor, reason: &str) {
    let reason = reason[..reason.floor_char_boundary(LONGEST_REASON)].to_owned();
    let request = ReportRequest { container: container.into(), reason, ..report("", WireFate::FATE_REFUSED) };
    let _ = client::report_once(socket, &request, soon());
}

/// Whether a container was created with values, by what was left for its `delete`.
pub fn is_marked(run_dir: &Path, root: &Path, id: &str) -> bool {
    private::existing(run_dir, FOLDER).is_some()
        && marker(run_dir, root, OsStr::new(id)).is_some_and(|marker| marker.exists())
}

fn report(injection: &str, fate: WireFate) -> ReportRequest {
    ReportRequest { injection_id: injection.to_owned(), fate: EnumValue::from(fate), ..ReportRequest::default() }
}

fn created(injection: &str, pid: i32, started: u64) -> ReportRequest {
    let init = Process { pid, started, namespace: process::namespace().unwrap_or_default() };
    ReportRequest { init: MessageField::some(init), ..report(injection, WireFate::FATE_CREATED) }
}

fn soon() -> Instant {
    Instant::now() + PATIENCE
}

/// Where a runtime keeps the state of its containers: runc(8), crun(1) and youki have a folder each in it, by their id.
fn state_root(argv: &[OsString], environment: &Environment, runtime: &Runtime) -> Option<PathBuf> {
    let name = ["runc", "crun", "youki"].into_iter().find(|name| runtime.name().contains(name))?;
    if let Some(root) = option_before_command(argv, Dialect::of(runtime.name()), "root") {
        return std::path::absolute(root).ok();
    }
    Some(environment.state_root(name))
}

/// What the runtimes say of a container: runc and youki in `state.json`, crun in `status`.
#[derive(Deserialize)]
struct State {
    #[serde(alias = "init_process_pid")]
    pid: i32,
}

/// The container's first process.
fn init_of(state: &Path) -> Result<i32, ErrorKind> {
    let read = |name| fs::read(state.join(name)).map_err(|error| error.kind());
    let text = read("state.json").or_else(|_| read("status"))?;
    serde_json::from_slice::<State>(&text).map(|state| state.pid).map_err(|_| ErrorKind::InvalidData)
}

/// Where to leave word of a container.
fn marker(run_dir: &Path, root: &Path, id: &OsStr) -> Option<PathBuf> {
    marker_name(root, id).map(|name| run_dir.join(FOLDER).join(name))
}

/// A file's name for the path of a container's state; none if it would be too long.
fn marker_name(root: &Path, id: &OsStr) -> Option<OsString> {
    let path = root.join(id);
    let escaped = path.as_os_str().as_bytes().iter().flat_map(|byte| match byte {
        b'/' => b"%2F".to_vec(),
        b'%' => b"%25".to_vec(),
        byte => vec![*byte],
    });
    Some(OsString::from_vec(escaped.collect())).filter(|name| name.len() <= LONGEST_NAME)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_has_one_name_and_no_other_has_it() {
        let name = |root: &str, id: &str| marker_name(Path::new(root), OsStr::new(id)).expect("short");
        assert_eq!(name("/run/runc", "c1"), "%2Frun%2Frunc%2Fc1");
        assert_ne!(name("/run/a%2F", "b"), name("/run/a/", "b"));
        assert_eq!(marker_name(Path::new("/run/runc"), OsStr::new(&"x".repeat(LONGEST_NAME))), None);
    }

    #[test]
    fn what_runtimes_say_of_a_container() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(init_of(folder.path()), Err(ErrorKind::NotFound));
        fs::write(folder.path().join("status"), r#"{"pid":7,"process-start-time":70,"cgroup-path":""}"#)
            .expect("written");
        assert_eq!(init_of(folder.path()), Ok(7));
        fs::write(folder.path().join("state.json"), r#"{"id":"c","init_process_pid":8,"config":{}}"#).expect("written");
        assert_eq!(init_of(folder.path()), Ok(8));
        fs::write(folder.path().join("state.json"), "").expect("written");
        assert_eq!(init_of(folder.path()), Err(ErrorKind::InvalidData));
    }

    #[test]
    fn only_a_delete_is_one() {
        let argv = |line: &str| line.split_whitespace().map(OsString::from).collect::<Vec<_>>();
        for dialect in [Dialect::Go, Dialect::Getopt] {
            for line in [
                "delete c1",
                "delete --force c1",
                "delete -f c1",
                "--root /r delete c1",
                "delete -- c1",
                "delete c1 -f",
            ] {
                assert_eq!(args::deleted(&argv(line), dialect), Some(&OsString::from("c1")), "{line}");
            }
            for line in ["", "delete", "delete --force", "state delete", "kill c1 delete", "--root delete c1"] {
                assert_eq!(args::deleted(&argv(line), dialect), None, "{line}");
            }
        }
    }
}
