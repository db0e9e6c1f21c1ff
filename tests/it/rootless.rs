//! A user's own podman, daemon and vault, where nobody has set anything: all is found by the places that users have.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::Command;
use std::thread;

use crate::refusal::refused;
use crate::support::bundle::Request;
use crate::support::daemon::Daemon;
use crate::support::engine::{Engine, Kind, Podman, ShimSettings, Site, rootless};
use crate::support::process::{Job, is_child_of_any, wait_until};
use crate::support::programs;
use crate::support::rig::{Rig, temporary_folder};

/// A user's podman, with the shim's settings as given, and the programs in the user's home.
fn podman(socket: &Path, deadline: &'static str) -> Podman {
    let folder = temporary_folder();
    chown(folder.path(), Some(rootless::USER), Some(rootless::USER)).expect("owner");
    let [shim, ampoule] = ["ampoule-shim", "ampoule"].map(|name| folder.path().join(name));
    programs::copy(&programs::shim(), &shim);
    programs::copy(&programs::ampoule(), &ampoule);
    let settings = ShimSettings { program: shim, socket: socket.to_owned(), deadline };
    Podman::rootless(Site::new(folder, Kind::Crun, Some(&settings)))
}

/// `ampoule` with the environment of a login.
fn ampoule(podman: &Podman, args: &[&str]) -> Command {
    let home = podman.site().folder();
    let mut command = rootless::command_of(rootless::USER, &home.join("ampoule"));
    command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", home).current_dir(home);
    command.env("XDG_RUNTIME_DIR", rootless::RUNTIME_DIR).args(args);
    command
}

fn serve(podman: &Podman) -> Job {
    let mut job = podman.site().realm.start(&mut ampoule(podman, &["serve"]), b"");
    let socket = podman.site().realm.outside(rootless::RUNTIME_DIR).join("ampoule/ampoule.sock");
    wait_until("the user's daemon listens", || {
        job.check_alive();
        socket.exists()
    });
    job
}

/// Asks for a new secret of the user's.
fn request(podman: &Podman) -> Request {
    let add = ["vault", "add", "-d", "made by a test", "--from_file", "-", "-o", "json"];
    let made = podman.site().realm.start(&mut ampoule(podman, &add), b"alpha").wait().ok();
    let made: serde_json::Value = serde_json::from_slice(&made.stdout).expect("JSON");
    Request::printing_environment().env("A", &format!("ampoule://{}", made["object_id"].as_str().expect("an id")))
}

#[test]
fn a_user_has_to_set_nothing() {
    let podman = podman(Path::new("/unused"), "2s");
    let home = podman.site().folder();
    fs::remove_file(home.join(".config/ampoule/shim.yaml")).expect("settings");
    let _daemon = serve(&podman);
    let realm = &podman.site().realm;
    let request = request(&podman);
    for _ in 0..2 {
        let ran = podman.run_printing_environment(&request).ok();
        assert!(ran.out().contains("A=alpha\0"), "{}", ran.out());
    }
    assert!(home.join(".local/state/ampoule").is_dir(), "the vault is the user's");
    let locks = realm.outside(rootless::RUNTIME_DIR).join("ampoule/locks");
    assert_eq!(fs::read_dir(locks).expect("the run directory").count(), 0);
    assert!(!realm.outside("/run/ampoule").exists(), "root's run directory is nothing to a user");
}

/// In a user namespace root's processes look like those of anybody else who isn't in it.
#[test]
fn a_rootless_container_does_not_ask_root_s_daemon() {
    let folder = temporary_folder();
    let daemon = Daemon::start(folder.path());
    let secret = daemon.cli().add("alpha");
    for (path, mode) in [(folder.path(), 0o711), (&daemon.socket(), 0o666)] {
        fs::set_permissions(path, Permissions::from_mode(mode)).expect("mode");
    }
    let engine = podman(&daemon.socket(), "2s");
    let rig = Rig { daemon, engine };
    let request = Request::printing_environment().env("A", &format!("ampoule://{secret}"));
    refused(&rig, "root's daemon", &request, &["user 65534", "its own user's daemon alone"]);
    assert!(rig.daemon.cli().injections().is_empty(), "it was asked");
}

/// A user's podman and daemon, and what asks for a secret.
fn serving(deadline: &'static str) -> (Podman, Job, Request) {
    let podman = podman(&Path::new(rootless::RUNTIME_DIR).join("ampoule/ampoule.sock"), deadline);
    let daemon = serve(&podman);
    let request = request(&podman);
    (podman, daemon, request)
}

/// Says how many watchers of inotify(7) the user may have at a time.
fn allow(podman: &Podman, watchers: u32) {
    let set = format!("echo {watchers} >/proc/sys/user/max_inotify_instances");
    podman.call(&["unshare", "sh", "-c", &set]).ok();
}

#[test]
fn who_may_watch_nothing_is_told_so() {
    let (podman, _daemon, request) = serving("500ms");
    allow(&podman, 0);
    let ran = podman.run_printing_environment(&request);
    assert_eq!((ran.code(), ran.out()), (podman.refusal_code(), String::new()), "{}", ran.err());
    assert!(ran.err().contains("fs.inotify.max_user_instances"), "{}", ran.err());
}

/// Each create needs a watcher, for a moment.
#[test]
fn a_create_waits_until_its_user_may_watch_one_more() {
    let (podman, _daemon, request) = serving("60s");
    allow(&podman, 0);
    thread::scope(|scope| {
        let create = scope.spawn(|| podman.run_printing_environment(&request));
        // The guard, the helper's child, is started right before the helper becomes a watcher.
        wait_until("the helper has its guard", || {
            let all = podman.site().helpers(0);
            let children = all.iter().filter(|&&pid| is_child_of_any(pid, &all)).count();
            (all.len(), children) == (3, 1)
        });
        allow(&podman, 128);
        let ran = create.join().expect("a create").ok();
        assert!(ran.out().contains("A=alpha\0"), "{}", ran.out());
    });
}
