//! A file's value is nowhere but in the container, and gone when that is.

use std::fs;
use std::process::Command;

use nix::sys::signal::Signal;

use super::{asking, holders};
use crate::canary::places;
use crate::support::bundle::Request;
use crate::support::engine::on_runtimes_and_podman;
use crate::support::process::wait_until;
use crate::support::programs;
use crate::support::rig::Rig;
use crate::support::search::Needle;

/// The mounts of the realm itself that are ours.
fn mounts_outside(rig: &Rig) -> Vec<String> {
    let text = rig.engine.site().realm.run(Command::new("cat").arg("/proc/self/mountinfo")).ok().out();
    text.lines().filter(|line| line.contains(" - tmpfs ampoule ")).map(str::to_owned).collect()
}

#[track_caller]
pub(super) fn assert_nowhere(rig: &Rig, needle: &Needle, when: &str) {
    let found = places(needle, &rig.engine, "canary");
    assert!(found.is_empty(), "{when}: {found:?}");
    assert_eq!(mounts_outside(rig), Vec::<String>::new(), "{when}");
}

fn the_value_is_in_the_container_and_nowhere_else(rig: &Rig) {
    let needle = Needle::random();
    let secret = rig.daemon.cli().add(needle.value());
    assert_nowhere(rig, &needle, "stored");
    rig.engine.create("canary", &asking(Request::sleeping(), "A", &secret)).ok();
    assert_nowhere(rig, &needle, "created");
    // From now on nobody asks the vault.
    rig.daemon.signal(Signal::SIGSTOP);
    rig.engine.start("canary").ok();
    wait_until("the container has the file", || !holders(&needle).is_empty());
    assert_nowhere(rig, &needle, "running");
    rig.engine.stop("canary");
    wait_until("the file has gone with the container's processes", || holders(&needle).is_empty());
    assert_nowhere(rig, &needle, "stopped");
    rig.engine.delete("canary").ok();
    assert_nowhere(rig, &needle, "deleted");
    let folder = rig.engine.site().realm.outside("/run/ampoule/files");
    assert_eq!(fs::read_dir(folder).expect("a folder").count(), 0);
}

/// With systemd every mount is shared: what is mounted in one namespace comes to the others.
fn shared_mounts_show_nobody_the_file(rig: &Rig) {
    let realm = &rig.engine.site().realm;
    realm.run(Command::new(programs::system("mount", "mount")).args(["--make-rshared", "/"])).ok();
    the_value_is_in_the_container_and_nowhere_else(rig);
}

on_runtimes_and_podman!(the_value_is_in_the_container_and_nowhere_else, shared_mounts_show_nobody_the_file);
