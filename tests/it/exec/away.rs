//! Without a daemon, and with `exec: false`.

use std::fs;

use crate::support::bundle::Request;
use crate::support::engine::on_runtimes_and_podman;
use crate::support::rig::Rig;

use super::{NAME, launch, reference, remove, seen};

/// Changes the shim's settings.
fn settings(rig: &Rig, change: impl Fn(String) -> String) {
    let path = rig.engine.site().shim_config.as_ref().expect("settings");
    fs::write(path, change(fs::read_to_string(path).expect("settings"))).expect("settings");
}

fn without_a_daemon_only_what_needs_it_fails(rig: &Rig) {
    let engine = &rig.engine;
    let a = rig.daemon.cli().add("alpha");
    launch(engine, &Request::sleeping().env("A", &reference(&a)));
    engine.create("other", &Request::sleeping()).ok();
    engine.start("other").ok();
    settings(rig, |text| text.replace("deadline: 10s", "deadline: 300ms"));
    rig.daemon.signal(nix::sys::signal::Signal::SIGSTOP);
    let failed = engine.exec(NAME, &[], &["echo", "started"]);
    assert!(failed.code() != 0 && failed.out().is_empty(), "{}", failed.out());
    let message = failed.err();
    assert!(message.contains("the Ampoule daemon") && message.contains("ampoule.sock"), "{message}");
    let lower = message.to_lowercase();
    assert!(!lower.contains("no such file or directory") && !lower.contains("permission denied"), "{message}");
    // What podman makes of it; a runtime by itself ends as without us.
    let (is_podman, is_runc) =
        (engine.logged_errors().is_none(), engine.site().kind == crate::support::engine::Kind::Runc);
    let usual = if is_podman {
        failed.code()
    } else if is_runc {
        255
    } else {
        1
    };
    assert_eq!(failed.code(), usual, "{message}");
    assert_eq!(engine.exec("other", &[], &["echo", "started"]).ok().out(), "started\n");
    let stays = engine.exec(NAME, &[("A", "literal")], &["sh", "-c", "echo $A"]);
    assert_eq!(stays.ok().out(), "literal\n");
    rig.daemon.signal(nix::sys::signal::Signal::SIGCONT);
    settings(rig, |text| text.replace("deadline: 300ms", "deadline: 10s"));
    assert_eq!(seen(engine, &[])["A"], "alpha");
    engine.stop("other");
    engine.delete("other").ok();
    remove(engine);
}

fn it_can_be_turned_off(rig: &Rig) {
    let engine = &rig.engine;
    let a = rig.daemon.cli().add("alpha");
    let request = Request::sleeping().annotation("ampoule.dev/env.B", &a).env("A", &reference(&a));
    launch(engine, &request);
    settings(rig, |text| format!("{text}exec: false\n"));
    let before = seen(engine, &[]);
    assert_eq!((before["A"].as_str(), before.contains_key("B")), (reference(&a).as_str(), false));
    remove(engine);
    launch(engine, &request);
    let containers = engine.site().realm.outside("/run/ampoule/containers");
    assert_eq!(super::records::names(&containers), Vec::<String>::new());
    remove(engine);
    assert!(rig.daemon.cli().entries("vault.object.inject_exec").is_empty());
}

on_runtimes_and_podman!(without_a_daemon_only_what_needs_it_fails, it_can_be_turned_off);
