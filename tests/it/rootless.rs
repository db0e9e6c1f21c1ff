//! A user's own podman, daemon and vault, where nobody has set anything: all is found by the places that users have.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::Command;

use crate::refusal::refused;
use crate::support::bundle::Request;
use crate::support::daemon::Daemon;
use crate::support::engine::{Engine, Kind, Podman, ShimSettings, Site, rootless};
use crate::support::process::{Job, wait_until};
use crate::support::programs;
use crate::support::rig::{Rig, temporary_folder};

/// A user's podman, with the shim's settings as given, and the programs in the user's home.
fn podman(socket: &Path) -> Podman {
    let folder = temporary_folder();
    chown(folder.path(), Some(rootless::USER), Some(rootless::USER)).expect("owner");
    let [shim, ampoule] = ["ampoule-shim", "ampoule"].map(|name| folder.path().join(name));
    programs::copy(&programs::shim(), &shim);
    programs::copy(&programs::ampoule(), &ampoule);
    let settings = ShimSettings { program: shim, socket: socket.to_owned(), deadline: "2s" };
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

#[test]
fn a_user_has_to_set_nothing() {
    let podman = podman(Path::new("/unused"));
    let home = podman.site().folder();
    fs::remove_file(home.join(".config/ampoule/shim.yaml")).expect("settings");
    let _daemon = serve(&podman);
    let realm = &podman.site().realm;
    let add = ["vault", "add", "-d", "made by a test", "--from_file", "-", "-o", "json"];
    let made = realm.start(&mut ampoule(&podman, &add), b"alpha").wait().ok();
    let made: serde_json::Value = serde_json::from_slice(&made.stdout).expect("JSON");
    let request =
        Request::printing_environment().env("A", &format!("ampoule://{}", made["object_id"].as_str().expect("an id")));
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
    let engine = podman(&daemon.socket());
    let rig = Rig { daemon, engine };
    let request = Request::printing_environment().env("A", &format!("ampoule://{secret}"));
    refused(&rig, "root's daemon", &request, &["user 65534", "its own user's daemon alone"]);
    assert!(rig.daemon.cli().injections().is_empty(), "it was asked");
}
