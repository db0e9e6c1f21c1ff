//! What can't be a file is refused by its annotation's name, before a container is there.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::{asking, script};
use crate::refusal::refused;
use crate::support::engine::on_runtimes_and_podman;
use crate::support::rig::Rig;

const KNOWN: &str = "sec_abcdefghijklmnopqrst";

fn malformed_requests(rig: &Rig) {
    let before = rig.daemon.cli().injections();
    let file = |tail: &str, value: &str| script("true").annotation(&format!("ampoule.dev/file.{tail}"), value);
    for name in ["", "..", "a/b", "a b"] {
        refused(rig, name, &file(name, KNOWN), &["ampoule.dev/file."]);
    }
    for id in ["", "nope", "sec_abc@0", "ampoule://sec_abc"] {
        refused(rig, id, &file("A", id), &["ampoule.dev/file.A: "]);
    }
    for path in ["", "/", "run/secrets/a", "/a/../../b", "/a/"] {
        let request = file("A", KNOWN).annotation("ampoule.dev/file.A.path", path);
        refused(rig, path, &request, &["ampoule.dev/file.A.path: "]);
    }
    refused(rig, "a path alone", &file("A.path", "/a"), &["ampoule.dev/file.A.path: ", "ampoule.dev/file.A"]);
    assert_eq!(rig.daemon.cli().injections(), before, "the vault was asked");
}

fn two_at_one_place(rig: &Rig) {
    let both = |path: &str| {
        let request = asking(asking(script("true"), "A", KNOWN), "B", KNOWN);
        request.annotation("ampoule.dev/file.B.path", path)
    };
    for path in ["/run/secrets/A", "/run/secrets/A/b", "/run/secrets"] {
        refused(rig, path, &both(path), &["ampoule.dev/file.A", "ampoule.dev/file.B.path"]);
    }
}

fn where_something_is_mounted(rig: &Rig) {
    for path in ["/proc", "/dev", "/dev/pts"] {
        let request = asking(script("true"), "A", KNOWN).annotation("ampoule.dev/file.A.path", path);
        refused(rig, path, &request, &["ampoule.dev/file.A.path", path]);
    }
}

fn a_secret_that_is_not_there(rig: &Rig) {
    let cli = rig.daemon.cli();
    let known = cli.add("alpha");
    let request = asking(asking(script("true"), "A", &known), "B", KNOWN);
    refused(rig, "one is unknown", &request, &["/run/secrets/B", KNOWN]);
    let outcomes: Vec<_> = cli.injections().iter().map(|entry| entry["attributes"]["outcome"].clone()).collect();
    assert!(outcomes.len() == 2 && outcomes.iter().any(|o| o == "withheld"), "{outcomes:?}");
    assert!(outcomes.iter().any(|outcome| outcome == "unknown"), "{outcomes:?}");
}

fn where_others_may_write(rig: &Rig) {
    let id = rig.daemon.cli().add("alpha");
    let run_dir = rig.engine.site().realm.outside("/run/ampoule");
    fs::create_dir_all(&run_dir).expect("run directory");
    fs::set_permissions(&run_dir, fs::Permissions::from_mode(0o777)).expect("mode");
    let request = asking(script("true"), "A", &id);
    refused(rig, "others may write", &request, &["container's files", "others may write in /run/ampoule", "755"]);
    fs::set_permissions(&run_dir, fs::Permissions::from_mode(0o755)).expect("mode");
    rig.engine.run(&request).ok();
}

on_runtimes_and_podman!(
    malformed_requests,
    two_at_one_place,
    where_something_is_mounted,
    a_secret_that_is_not_there,
    where_others_may_write
);
