//! A process that is started in a running container sees what the container sees, at the same versions.

mod away;
mod engine;
mod plain;
mod records;
mod trace;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::canary::places;
use crate::support::bundle::Request;
use crate::support::engine::{Engine, on_runtimes_and_podman};
use crate::support::process::{Ran, wait_until};
use crate::support::rig::Rig;
use crate::support::rpc::Rpc;
use crate::support::search::Needle;

const NAME: &str = "running";
const ENVIRONMENT: [&str; 2] = ["cat", "/proc/self/environ"];

fn launch(engine: &dyn Engine, request: &Request) {
    engine.create(NAME, request).ok();
    engine.start(NAME).ok();
}

fn remove(engine: &dyn Engine) {
    engine.stop(NAME);
    engine.delete(NAME).ok();
}

#[track_caller]
fn variables(ran: Ran) -> BTreeMap<String, String> {
    let text = ran.ok().out();
    let variables = text.split_terminator('\0').map(|variable| variable.split_once('=').expect("NAME=value"));
    variables.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// What a process sees that is started with these variables beside the container's.
#[track_caller]
fn seen(engine: &dyn Engine, env: &[(&str, &str)]) -> BTreeMap<String, String> {
    variables(engine.exec(NAME, env, &ENVIRONMENT))
}

#[track_caller]
fn assert_sees(engine: &dyn Engine, what: &str, env: &[(&str, &str)], expected: &[(&str, &str)]) {
    let seen = seen(engine, env);
    for (name, value) in expected {
        assert_eq!(seen.get(*name).map(String::as_str), Some(*value), "{what}: {name}");
    }
}

fn reference(id: &str) -> String {
    format!("ampoule://{id}")
}

fn env_vars(list: &Value) -> Request {
    Request::sleeping().annotation("ampoule.dev/env-vars", &list.to_string())
}

fn every_form_and_the_same_version_until_a_restart(rig: &Rig) {
    let (cli, engine) = (rig.daemon.cli(), &rig.engine);
    let [a, b, c, d] = ["alpha", "beta", "gamma", "delta"].map(|value| cli.add(value));
    let list = json!([{"name": "B", "from_secret_id": b}, {"name": "S", "value": "static"}]);
    let request = env_vars(&list).annotation("ampoule.dev/env.C", &c).env("C", "old").env("A", &reference(&a));
    let request = request.env("D", &reference(&format!("{d}@1"))).env("PLAIN", "plain");
    let first = [("A", "alpha"), ("B", "beta"), ("C", "gamma"), ("D", "delta"), ("S", "static"), ("PLAIN", "plain")];
    launch(engine, &request);
    assert_sees(engine, "at first", &[], &first);
    for id in [&a, &b, &c, &d] {
        cli.set(id, "rotated");
    }
    assert_sees(engine, "after a rotation", &[], &first);
    // All of it, and not only what this test asked for, is what the container's first process has.
    let container = variables(engine.exec(NAME, &[], &["cat", "/proc/1/environ"]));
    let mut process = seen(engine, &[]);
    process.retain(|name, _| container.contains_key(name) || first.iter().any(|(asked, _)| asked == name));
    assert_eq!(process, container);
    remove(engine);
    launch(engine, &request);
    let second = [("A", "rotated"), ("B", "rotated"), ("C", "rotated"), ("D", "delta"), ("S", "static")];
    assert_sees(engine, "after a restart", &[], &second);
    remove(engine);
}

fn what_the_caller_sets_is_theirs(rig: &Rig) {
    let (cli, engine) = (rig.daemon.cli(), &rig.engine);
    let [a, b, c] = ["alpha", "beta", "gamma"].map(|value| cli.add(value));
    let list = json!([{"name": "B", "from_secret_id": b}, {"name": "S", "value": "static"}]);
    launch(engine, &env_vars(&list).env("A", &reference(&a)).env("B", "old"));
    let literals = [("A", "1"), ("B", "2"), ("S", "3")];
    assert_sees(engine, "other values", &literals, &literals);
    assert_sees(engine, "a new reference", &[("NEW", &reference(&c))], &[("NEW", "gamma"), ("A", "alpha")]);
    for id in [&a, &c] {
        cli.set(id, "rotated");
    }
    assert_sees(
        engine,
        "a new reference is current",
        &[("NEW", &reference(&c))],
        &[("NEW", "rotated"), ("A", "alpha")],
    );
    assert_sees(engine, "a pinned one", &[("NEW", &reference(&format!("{c}@1")))], &[("NEW", "gamma")]);
    assert_sees(engine, "another secret", &[("A", &reference(&c))], &[("A", "rotated"), ("B", "beta")]);
    remove(engine);
    // In a container that was given nothing too.
    launch(engine, &Request::sleeping());
    assert_sees(engine, "a reference alone", &[("NEW", &reference(&a))], &[("NEW", "rotated")]);
    remove(engine);
}

fn a_process_that_asks_for_too_much_does_not_start(rig: &Rig) {
    let (cli, engine) = (rig.daemon.cli(), &rig.engine);
    let (a, b) = (cli.add("alpha"), cli.add("beta"));
    launch(engine, &Request::sleeping().env("A", &reference(&a)));
    cli.delete(&b);
    for (value, named) in [(reference(&b), "deleted"), ("ampoule://nonsense".to_owned(), "BAD")] {
        let ran = engine.exec(NAME, &[("BAD", &value)], &["echo", "started"]);
        assert!(ran.code() != 0 && ran.out().is_empty(), "{value}: {}", ran.out());
        assert!(ran.err().contains(named) && ran.err().contains("BAD"), "{value}: {}", ran.err());
    }
    assert_sees(engine, "afterwards", &[], &[("A", "alpha")]);
    remove(engine);
}

fn every_process_is_in_the_log(rig: &Rig) {
    let (cli, engine) = (rig.daemon.cli(), &rig.engine);
    let (a, b) = (cli.add("alpha"), cli.add("beta"));
    launch(engine, &Request::sleeping().annotation("ampoule.dev/env.B", &b).env("A", &reference(&a)));
    let created = cli.injections();
    cli.set(&a, "rotated");
    assert_sees(engine, "logged", &[], &[("A", "alpha"), ("B", "beta")]);
    let entries = cli.entries("vault.object.inject_exec");
    assert_eq!((cli.injections().len(), entries.len()), (2, 2), "{entries:?}");
    for (entry, (variable, id)) in entries.iter().zip([("A", &a), ("B", &b)]) {
        let (attributes, target) = (&entry["attributes"], &entry["target"]);
        assert_eq!((&attributes["variable"], &target["id"]), (&json!(variable), &json!(id)), "{entry}");
        assert_eq!((&attributes["outcome"], &target["version"]), (&json!("ok"), &json!("1")), "{entry}");
        assert_eq!(attributes["container_id"], created[0]["attributes"]["container_id"], "{entry}");
    }
    assert_eq!(entries[0]["attributes"]["bundle"], created[0]["attributes"]["bundle"]);
    assert_eq!(entries[0]["attributes"]["engine"], created[0]["attributes"]["engine"]);
    remove(engine);
}

fn a_hundred_processes_at_once(rig: &Rig) {
    let (cli, engine) = (rig.daemon.cli(), &rig.engine);
    let a = cli.add("alpha");
    launch(engine, &Request::sleeping().env("A", &reference(&a)));
    cli.set(&a, "rotated");
    let jobs: Vec<_> =
        (0..100).map(|_| engine.start_exec(NAME, &[], &["sh", "-c", "test $A = alpha && echo it is"])).collect();
    for job in jobs {
        assert_eq!(job.wait().ok().out(), "it is\n");
    }
    assert_eq!(cli.entries("vault.object.inject_exec").len(), 100);
    remove(engine);
}

fn large_values(rig: &Rig) {
    let (cli, engine) = (rig.daemon.cli(), &rig.engine);
    let long = "0123456789abcdef".repeat(4096);
    let id = cli.add(&long);
    // One fills a pipe, and 20 more than a pipe that anybody may have.
    for count in [1, 20] {
        let names: Vec<_> = (0..count).map(|n| format!("LONG_{n}")).collect();
        let request = names.iter().fold(Request::sleeping(), |request, name| request.env(name, &reference(&id)));
        launch(engine, &request);
        let seen = seen(engine, &[]);
        assert!(names.iter().all(|name| seen.get(name) == Some(&long)), "{count}");
        remove(engine);
    }
}

fn the_value_is_in_the_processes_and_nowhere_else(rig: &Rig) {
    let needle = Needle::random();
    let engine = &rig.engine;
    let secret = rig.daemon.cli().add(needle.value());
    launch(engine, &Request::sleeping().annotation("ampoule.dev/env.B", &secret).env("A", &reference(&secret)));
    let nowhere = |when: &str| {
        let found = places(&needle, engine, NAME);
        assert!(found.is_empty(), "{when}: {found:?}");
    };
    let holders = || needle.search_processes(|_| true).len();
    wait_until("the container has the value", || holders() == 1);
    nowhere("before");
    let job = engine.start_exec(NAME, &[], &["sleep", "1000"]);
    wait_until("the process has the value", || holders() == 2);
    nowhere("while the process runs");
    engine.stop(NAME);
    job.wait();
    nowhere("afterwards");
    engine.delete(NAME).ok();
    nowhere("deleted");
}

fn a_process_inherits_nothing_of_ours(rig: &Rig) {
    let (cli, engine) = (rig.daemon.cli(), &rig.engine);
    let a = cli.add("alpha");
    let descriptors = |request: &Request| {
        launch(engine, request);
        let ran = engine.exec(NAME, &[], &["ls", "/proc/self/fd"]).ok();
        remove(engine);
        ran.out()
    };
    let bare = descriptors(&Request::sleeping());
    assert!(bare.starts_with("0\n1\n2\n"), "{bare}");
    assert_eq!(descriptors(&Request::sleeping().env("A", &reference(&a))), bare);
}

on_runtimes_and_podman!(
    every_form_and_the_same_version_until_a_restart,
    what_the_caller_sets_is_theirs,
    a_process_that_asks_for_too_much_does_not_start,
    every_process_is_in_the_log,
    a_hundred_processes_at_once,
    large_values,
    the_value_is_in_the_processes_and_nowhere_else,
    a_process_inherits_nothing_of_ours,
);

/// What every engine can ask for, on the other engines.
mod references {
    use super::{Request, Rig, assert_sees, launch, reference, remove};

    fn a_process_sees_what_its_container_got(rig: &Rig) {
        let (cli, engine) = (rig.daemon.cli(), &rig.engine);
        let a = cli.add("alpha");
        let request = Request::sleeping().env("A", &reference(&a)).env("PLAIN", "plain");
        launch(engine, &request);
        assert_sees(engine, "at first", &[], &[("A", "alpha"), ("PLAIN", "plain")]);
        cli.set(&a, "rotated");
        assert_sees(engine, "after a rotation", &[], &[("A", "alpha")]);
        remove(engine);
        launch(engine, &request);
        assert_sees(engine, "in a new container", &[], &[("A", "rotated")]);
        remove(engine);
        let purposes = cli.audit().into_iter().filter(|entry| entry["action"] == "vault.object.inject_exec");
        assert_eq!(purposes.count(), 3);
    }

    crate::support::engine::on_engine!(docker, a_process_sees_what_its_container_got);
    crate::support::engine::on_engine!(containerd, a_process_sees_what_its_container_got);
    crate::support::engine::on_engine!(podman_rootless, a_process_sees_what_its_container_got);
}

/// The grant is that for containers; the log has the purpose, also of a refusal.
#[test]
fn one_permission_for_both_purposes() {
    use crate::support::{caller::Caller, daemon::Daemon, rig::temporary_folder};
    let folder = temporary_folder();
    let daemon = Daemon::start_as(61001, folder.path());
    let mut root = Rpc::new(&daemon.socket());
    let id = root.create(&json!({ "value": "alpha" }));
    let references = json!([{ "name": "A", "object_id": id }, { "name": "B", "object_id": id }]);
    let resolve = |token: &str, purpose: Value| {
        let request = json!({ "container": { "id": "c" }, "references": references, "purpose": purpose });
        Caller::token(token, &daemon.socket()).call("ampoule.v1.InjectionService/Resolve", &request)
    };
    let mut token = |name: &str, grant: &str| {
        let made = root.make_token(name, &[grant]).expect("a token");
        made["bearerToken"].as_str().expect("a token").to_owned()
    };
    let (may, may_not) = (token("may", "vault/object:*:inject"), token("may-not", "vault/object:*:describe"));
    resolve(&may, json!("PURPOSE_EXEC")).expect("granted");
    assert_eq!(resolve(&may_not, json!("PURPOSE_EXEC")).expect_err("refused").code, "not_found");
    assert_eq!(resolve(&may, json!(7)).expect_err("no purpose").code, "invalid_argument");
    let entries = root.audit(0, "").0;
    let told = entries.iter().filter(|entry| entry["action"].as_str().is_some_and(|action| action.contains("inject")));
    let told: Vec<_> = told.map(|entry| format!("{} {}", entry["action"], entry["attributes"]["outcome"])).collect();
    let exec = |outcome: &str| format!("\"vault.object.inject_exec\" \"{outcome}\"");
    assert_eq!(told, [exec("ok"), exec("ok"), exec("denied")]);
}
