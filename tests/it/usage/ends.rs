//! What becomes of one container, told by the shim to a daemon that doesn't see its processes: it is in other namespaces
//! than the engine.

use serde_json::Value;

use crate::support::bundle::Request;
use crate::support::engine::on_every_engine;
use crate::support::process::wait_until;
use crate::support::rig::Rig;

/// What became of injections, as the log says: an action without what they have in common, and the outcome.
fn fates(rig: &Rig) -> Vec<String> {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let fate = |entry: &Value| {
        let action = text(&entry["action"]);
        let verb = action.strip_prefix("vault.object.").filter(|verb| ["injected", "released"].contains(verb))?;
        Some(format!("{verb} {}", text(&entry["attributes"]["outcome"])))
    };
    rig.daemon.cli().audit().iter().filter_map(fate).collect()
}

fn wait_for(rig: &Rig, expected: &[&str]) {
    wait_until(&format!("the log has {expected:?}"), || fates(rig) == expected);
}

fn asking(id: &str) -> Request {
    Request::sleeping().env("TOKEN", &format!("ampoule://{id}"))
}

fn a_deleted_one_is_told_of(rig: &Rig) {
    let id = rig.daemon.cli().add("alpha");
    rig.engine.create("web", &asking(&id)).ok();
    rig.engine.start("web").ok();
    wait_for(rig, &["injected ok"]);
    let rows = rig.daemon.cli().usage(&[]);
    assert_eq!(rows.len(), 1, "{rows:?}");
    for (key, value) in [("object_id", id.as_str()), ("version", "1"), ("current_version", "1"), ("state", "unknown")] {
        assert_eq!(rows[0][key], value, "{rows:?}");
    }
    assert_eq!(rows[0]["names"], serde_json::json!(["TOKEN"]));
    assert!(!rows[0]["host"].as_str().expect("a host").is_empty());
    let injected = rig.daemon.cli().audit().into_iter().find(|entry| entry["action"] == "vault.object.injected");
    let injected = injected.expect("an entry");
    let asked = rig.daemon.cli().injections().pop().expect("an entry");
    assert_eq!(injected["attributes"]["injection"], asked["attributes"]["request_id"]);
    rig.engine.stop("web");
    rig.engine.delete("web").ok();
    wait_for(rig, &["injected ok", "released ok"]);
    assert!(rig.daemon.cli().usage(&[]).is_empty());
}

fn one_that_was_not_created_holds_nothing(rig: &Rig) {
    let id = rig.daemon.cli().add("alpha");
    let request = Request::new(&["/no/such/program"]).env("TOKEN", &format!("ampoule://{id}"));
    assert_ne!(rig.engine.create("web", &request).code(), 0);
    wait_for(rig, &["injected failed"]);
    assert!(rig.daemon.cli().usage(&[]).is_empty());
}

/// Each injection has an entry of what became of it, however short the container's life is.
fn one_that_is_over_at_once_is_accounted_for(rig: &Rig) {
    let id = rig.daemon.cli().add("alpha");
    let request = Request::new(&["true"]).env("TOKEN", &format!("ampoule://{id}"));
    for round in 1..=2 {
        rig.engine.run(&request).ok();
        wait_until("it is released", || fates(rig).len() == 2 * round);
    }
    let told = fates(rig);
    for fate in told.chunks(2) {
        assert!(
            ["injected ok", "injected unknown"].contains(&fate[0].as_str()) && fate[1] == "released ok",
            "{told:?}"
        );
    }
}

on_every_engine!(
    a_deleted_one_is_told_of, one_that_is_over_at_once_is_accounted_for;
    create_apart: one_that_was_not_created_holds_nothing
);
