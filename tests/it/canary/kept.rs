//! What engines make of a running container, tell of it and write down as they work: the reference, never the value.

use std::fs;

use super::{asking_twice, places};
use crate::support::engine::{Docker, Engine, Podman, on_every_front_end};
use crate::support::process::wait_until;
use crate::support::realm::Realm;
use crate::support::rig::Rig;
use crate::support::search::Needle;

/// Images, logs, events, Kubernetes manifests; the debug logs of Docker and containerd are in their folders.
fn what_is_made_of_it_has_no_value<E: Engine>(rig: &mut Rig<E>) {
    let needle = Needle::random();
    let secret = rig.daemon.cli().add(needle.value());
    rig.engine.create("canary", &asking_twice(&rig.engine, &secret)).ok();
    rig.engine.start("canary").ok();
    wait_until("the container has the value", || !needle.search_processes(|_| true).is_empty());
    for told in rig.engine.keep("canary") {
        let told = told.ok();
        assert!(!needle.is_in(&told.stdout) && !needle.is_in(&told.stderr), "a value is told");
    }
    let found = places(&needle, &rig.engine, "canary");
    assert!(found.is_empty(), "{found:?}");
    rig.engine.stop("canary");
    rig.engine.delete("canary").ok();
    let found = places(&needle, &rig.engine, "canary");
    assert!(found.is_empty(), "deleted: {found:?}");
}

on_every_front_end!(what_is_made_of_it_has_no_value);

/// podman writes its debug log to whoever calls it.
#[test]
fn podman_s_debug_log_has_no_value() {
    let rig = Rig::podman_crun();
    let needle = Needle::random();
    let secret = rig.daemon.cli().add(needle.value());
    let request = asking_twice(&rig.engine, &secret);
    let debug = ["--log-level", "debug"];
    let ran = rig.engine.launch(&[&debug[..], &["run", "--detach", "--name", "canary"]].concat(), &request).ok();
    assert!(ran.err().contains("level=debug") && ran.err().contains(&secret), "it logs what it has: {}", ran.err());
    wait_until("the container has the value", || !needle.search_processes(|_| true).is_empty());
    let mut told = vec![ran];
    told.extend(
        [&["inspect", "canary"][..], &["rm", "--force", "--time", "0", "canary"]]
            .map(|args| rig.engine.call(&[&debug[..], args].concat()).ok()),
    );
    assert!(!told.iter().any(|ran| needle.is_in(&ran.stdout) || needle.is_in(&ran.stderr)), "a value is logged");
}

/// With `live-restore` containers outlive dockerd, and the next one takes them over.
#[test]
fn a_docker_that_is_killed_finds_no_value_when_it_comes_back() {
    let rig: Rig<Docker> = Rig::docker();
    let needle = Needle::random();
    let secret = rig.daemon.cli().add(needle.value());
    rig.engine.create("canary", &asking_twice(&rig.engine, &secret)).ok();
    rig.engine.start("canary").ok();
    let has_value = || !needle.search_processes(|_| true).is_empty();
    wait_until("the container has the value", has_value);
    rig.engine.kill_daemon();
    rig.engine.start_daemon();
    assert!(rig.engine.inspect("canary").ok().out().contains("\"Running\": true"), "it runs on");
    assert!(has_value(), "with its value");
    let found = places(&needle, &rig.engine, "canary");
    assert!(found.is_empty(), "{found:?}");
    // It is the same container for the new dockerd: a restart asks the vault again.
    let next = Needle::random();
    rig.daemon.cli().set(&secret, next.value());
    rig.engine.call(&["restart", "--time", "0", "canary"]).ok();
    wait_until("the container has the new value", || !next.search_processes(|_| true).is_empty());
    for needle in [&needle, &next] {
        let found = places(needle, &rig.engine, "canary");
        assert!(found.is_empty(), "restarted: {found:?}");
    }
    rig.engine.stop("canary");
    rig.engine.delete("canary").ok();
}

/// The machine goes down with all its processes, mounts and what was in memory, and comes back with its disks.
fn a_reboot_leaves_the_reference_alone<E: Engine>(rig: &mut Rig<E>, go_down: impl Fn(&E), come_back: impl Fn(&E)) {
    let needle = Needle::random();
    let secret = rig.daemon.cli().add(needle.value());
    rig.engine.create("canary", &asking_twice(&rig.engine, &secret)).ok();
    rig.engine.start("canary").ok();
    let has = |needle: &Needle| !needle.search_processes(|_| true).is_empty();
    wait_until("the container has the value", || has(&needle));
    go_down(&rig.engine);
    let cgroups = rig.engine.site().kind.cgroups();
    rig.engine.site_mut().realm = Realm::new(cgroups);
    wait_until("nobody has the value", || !has(&needle));
    come_back(&rig.engine);
    let found = places(&needle, &rig.engine, "canary");
    assert!(found.is_empty(), "{found:?}");
    let next = Needle::random();
    rig.daemon.cli().set(&secret, next.value());
    rig.engine.start("canary").ok();
    wait_until("the container has the new value", || has(&next));
    for needle in [&needle, &next] {
        let found = places(needle, &rig.engine, "canary");
        assert!(found.is_empty(), "started again: {found:?}");
    }
    rig.engine.delete("canary").ok();
}

fn podman_after_a_reboot(mut rig: Rig<Podman>) {
    let clear = |podman: &Podman| {
        for place in ["run", "tmp"] {
            let _ = fs::remove_dir_all(podman.site().folder().join(place));
        }
    };
    a_reboot_leaves_the_reference_alone(&mut rig, |_| {}, clear);
}

#[test]
fn podman_with_runc_after_a_reboot() {
    podman_after_a_reboot(Rig::podman_runc());
}

#[test]
fn podman_with_crun_after_a_reboot() {
    podman_after_a_reboot(Rig::podman_crun());
}

#[test]
fn docker_after_a_reboot() {
    let come_back = |docker: &Docker| {
        // On a machine both are in /run.
        fs::remove_file(docker.site().folder().join("docker.pid")).expect("its process id");
        fs::remove_dir_all(docker.site().folder().join("exec")).expect("its run directory");
        docker.start_daemon();
    };
    a_reboot_leaves_the_reference_alone(&mut Rig::docker(), Docker::kill_daemon, come_back);
}
