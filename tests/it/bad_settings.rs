//! Settings of the shim that can't be used hinder what needs them, and nothing else.

use std::fs;

use crate::support::bundle::Request;
use crate::support::engine::{Bare, Engine, Podman, on_engine, on_every_runtime};
use crate::support::process::{Ran, wait_until};
use crate::support::rig::Rig;

const BROKEN: &str = "sokcet: /absent\n";

#[track_caller]
fn assert_told(what: &str, ran: &Ran) {
    assert!(ran.code() != 0 && ran.stdout.is_empty(), "{what}: exit {}, {}", ran.code(), ran.out());
    assert!(ran.err().contains("shim.yaml") && ran.err().contains("sokcet"), "{what}: {}", ran.err());
}

fn what_needs_no_settings_goes_on(rig: &Rig<Bare>) {
    let engine = &rig.engine;
    let reference = format!("ampoule://{}", rig.daemon.cli().add("alpha"));
    for (id, request) in [("plain", Request::sleeping()), ("asking", Request::sleeping().env("A", &reference))] {
        engine.create(id, &request).ok();
        engine.start(id).ok();
    }
    fs::write(engine.site().folder().join("shim.yaml"), BROKEN).expect("settings");

    engine.run(&Request::printing_environment()).ok();
    engine.start_exec("plain", &[], &["true"]).wait().ok();
    let injections = rig.daemon.cli().injections();
    assert_told("a create", &engine.run(&Request::printing_environment().env("A", &reference)));
    assert_told("an exec", &engine.start_exec("asking", &[], &["cat", "/proc/self/environ"]).wait());
    assert_told("a checkpoint", &engine.command(&["checkpoint", "asking"]));
    assert_eq!(rig.daemon.cli().injections(), injections, "the daemon was asked");

    for id in ["plain", "asking"] {
        assert_eq!(engine.status(id), "running");
        engine.command(&["kill", id, "KILL"]).ok();
        wait_until("it has ended", || engine.status(id) == "stopped");
        engine.command(&["delete", id]).ok();
    }
    assert!(engine.site().containers().is_empty());
}

on_every_runtime!(what_needs_no_settings_goes_on);

/// podman calls the runtime with almost no environment then, so that it is the host's settings that count.
fn podman_ends_what_runs(rig: &Rig<Podman>) {
    let (podman, site) = (&rig.engine, rig.engine.site());
    let secret = rig.daemon.cli().add("alpha");
    for id in ["stopped", "removed"] {
        podman.create(id, &Request::sleeping().env("A", &format!("ampoule://{secret}"))).ok();
        podman.start(id).ok();
    }
    site.realm.own_etc();
    let etc = site.realm.outside("/etc/ampoule");
    fs::create_dir_all(&etc).expect("folder");
    fs::write(etc.join("shim.yaml"), BROKEN).expect("settings");
    podman.call(&["stop", "--time", "0", "stopped"]).ok();
    podman.call(&["rm", "--force", "--time", "0", "stopped", "removed"]).ok();
    assert_eq!(podman.call(&["ps", "--all", "--format", "{{.Names}}"]).ok().out(), "");
    assert!(site.containers().is_empty(), "the runtime knows a container that podman has lost");
}

on_engine!(podman_runc, podman_ends_what_runs);
on_engine!(podman_crun, podman_ends_what_runs);
