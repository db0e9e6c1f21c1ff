//! The injection suite: what a container asked for is in its environment, byte for byte, on every engine.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::bundle::Request;
use crate::support::engine::on_every_engine;
use crate::support::process::wait_until;
use crate::support::rig::Rig;
use crate::support::search::Needle;

type Variables = Vec<(String, String)>;

/// Runs a request and compares the container's whole environment with what was in it and what it asked for.
#[track_caller]
fn check(rig: &Rig, what: &str, request: &Request, expected: &[(&str, &str)]) {
    let ran = rig.engine.run_printing_environment(request);
    if !rig.engine.carries(request) {
        // It says so itself, and nothing gets lost on the way.
        assert!(rig.engine.does_not_carry(&ran), "{what}: {}", ran.err());
        return;
    }
    assert_eq!(ran.code(), 0, "{what}: {}", ran.err());
    let mut seen = environment(&ran.stdout);
    let own = rig.engine.adds();
    seen.retain(|(name, _)| !own.contains(&name.as_str()));
    let usual = Request::new(&[]).env;
    let wanted: Variables = usual.into_iter().chain(owned(expected)).collect();
    if rig.engine.keeps_order() {
        assert_same(what, &seen, &wanted);
    } else {
        let sorted = |variables: &Variables| {
            let mut sorted = variables.clone();
            sorted.sort();
            sorted
        };
        assert_same(what, &sorted(&seen), &sorted(&wanted));
    }
    if rig.engine.keeps_order_of_added() {
        let appended = |variables: &Variables| {
            let mut appended = variables.clone();
            appended.retain(|(name, _)| request.env.iter().all(|(given, _)| given != name));
            appended
        };
        assert_same(what, &appended(&seen), &appended(&wanted));
    }
}

/// Compares without printing 64 KiB values.
#[track_caller]
fn assert_same(what: &str, seen: &Variables, wanted: &Variables) {
    let short = |(name, value): &(String, String)| format!("{name}={value:.60}");
    let differ = seen.iter().zip(wanted).find(|(seen, wanted)| seen != wanted);
    let differ = differ.map(|(seen, wanted)| format!("seen: {}\nwanted: {}", short(seen), short(wanted)));
    assert!(differ.is_none(), "{what}: {}", differ.unwrap_or_default());
    assert_eq!(seen.len(), wanted.len(), "{what}: number of variables");
}

fn environment(printed: &[u8]) -> Variables {
    let text = str::from_utf8(printed).expect("UTF-8");
    let variables = text.split_terminator('\0').map(|variable| variable.split_once('=').expect("NAME=value"));
    owned(&variables.collect::<Vec<_>>()).collect()
}

fn owned(variables: &[(&str, &str)]) -> impl Iterator<Item = (String, String)> {
    variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
}

fn asking() -> Request {
    Request::printing_environment()
}

fn env_vars(list: &Value) -> Request {
    asking().annotation("ampoule.dev/env-vars", &list.to_string())
}

fn every_form_of_the_grammar(rig: &Rig) {
    let cli = rig.daemon.cli();
    let (a, b) = (cli.add("alpha"), cli.add("beta"));
    let check = |what, request: Request, expected: &[(&str, &str)]| check(rig, what, &request, expected);
    check("snake_case", env_vars(&json!([{"name": "A", "from_secret_id": a}])), &[("A", "alpha")]);
    check("camelCase", env_vars(&json!([{"name": "A", "fromSecretId": a}])), &[("A", "alpha")]);
    check(
        "a static value beside it",
        env_vars(&json!([{"name": "S", "value": "static"}, {"name": "A", "from_secret_id": a}])),
        &[("S", "static"), ("A", "alpha")],
    );
    check(
        "from_secret_id overrides value",
        env_vars(&json!([{"name": "A", "value": "not this", "from_secret_id": a}])),
        &[("A", "alpha")],
    );
    check("nothing asked for", env_vars(&json!([])), &[]);
    let web = json!({
        "name": "web", "image_ref": "web:1", "args": ["serve"], "environment": {"MODE": "fast"},
        "env_vars": [{"name": "A", "from_secret_id": a}]
    });
    let whole = |request: &Value| asking().annotation("ampoule.dev/container-request", &request.to_string());
    check("a whole request", whole(&web), &[("MODE", "fast"), ("A", "alpha")]);
    let web = json!({"name": "web", "imageRef": "web:1", "envVars": [{"name": "A", "fromSecretId": a}]});
    check("a whole request in camelCase", whole(&web), &[("A", "alpha")]);
    check("by hand", asking().annotation("ampoule.dev/env.A", &a), &[("A", "alpha")]);
    check("pinned", env_vars(&json!([{"name": "A", "from_secret_id": format!("{a}@1")}])), &[("A", "alpha")]);
    check("null", env_vars(&json!(null)), &[]);
    check("as a value", asking().env("A", &format!("ampoule://{a}")), &[("A", "alpha")]);
    check("as a value, pinned", asking().env("A", &format!("ampoule://{a}@1")), &[("A", "alpha")]);
    check(
        "two forms at once",
        env_vars(&json!([{"name": "B", "from_secret_id": b}])).env("A", &format!("ampoule://{a}")),
        &[("A", "alpha"), ("B", "beta")],
    );
    // What only looks like a reference is left alone.
    let alike = [("LIKE", "see ampoule://sec_abc"), ("OTHER", "http://ampoule.dev")];
    let request = alike.iter().fold(asking(), |request, (name, value)| request.env(name, value));
    check("no reference", request, &alike);
}

fn one_ten_and_two_hundred_references(rig: &Rig) {
    let cli = rig.daemon.cli();
    let secrets: Vec<_> = (0..40).map(|n| format!("value {n}")).map(|value| (cli.add(&value), value)).collect();
    for count in [1, 10, 200] {
        let asked: Vec<_> = secrets.iter().cycle().take(count).enumerate().collect();
        let names: Vec<_> = (0..count).map(|n| format!("NAME_{n}")).collect();
        let expected: Vec<_> =
            names.iter().zip(&asked).map(|(name, (_, (_, value)))| (name.as_str(), value.as_str())).collect();
        let list = names.iter().zip(&asked).map(|(name, (_, (id, _)))| json!({"name": name, "from_secret_id": id}));
        check(rig, "as a list", &env_vars(&list.collect()), &expected);
        let values = names.iter().zip(&asked);
        let request =
            values.fold(asking(), |request, (name, (_, (id, _)))| request.env(name, &format!("ampoule://{id}")));
        check(rig, "as values", &request, &expected);
    }
}

fn any_text_is_a_value(rig: &Rig) {
    let cli = rig.daemon.cli();
    let long: String = "0123456789abcdef".repeat(4096);
    let control: String = (1..=31).map(char::from).collect();
    let values = [
        ("LONG", long.as_str()),
        ("LINES", "\nfirst\n\r\nthird\n\n"),
        ("QUOTES", r#"'"`\$HOME $(id) \" {"a": "b\n"} %s ;"#),
        ("UNICODE", "p\u{e4}ssw\u{f6}rd \u{1f511} \u{2028}\u{feff}\u{10ffff} e\u{301}"),
        ("CONTROL", control.as_str()),
        ("SPACES", "  \t both ends \t  "),
        ("EQUALS", "=a=b="),
        ("REFERENCE", "ampoule://sec_abcdefghijklmnopqrst"),
        ("BRACE", "}"),
    ];
    let ids: Vec<_> = values.iter().map(|(name, value)| (*name, cli.add(value))).collect();
    let list = ids.iter().map(|(name, id)| json!({"name": name, "from_secret_id": id}));
    check(rig, "as a list", &env_vars(&list.collect()), &values);
    let request = ids.iter().fold(asking(), |request, (name, id)| request.env(name, &format!("ampoule://{id}")));
    check(rig, "as values", &request, &values);
}

fn variables_keep_their_places(rig: &Rig) {
    let cli = rig.daemon.cli();
    let (a, b, c) = (cli.add("alpha"), cli.add("beta"), cli.add("gamma"));
    let list = json!([
        {"name": "NEW_2", "from_secret_id": a},
        {"name": "MIDDLE", "from_secret_id": b},
        {"name": "NEW_1", "value": "static"},
        {"name": "LAST", "value": "replaced"}
    ]);
    let request = env_vars(&list)
        .env("FIRST", "1")
        .env("MIDDLE", "old")
        .env("BETWEEN", &format!("ampoule://{c}"))
        .env("empty", "")
        .env("odd.name-x", "kept")
        .env("LAST", "3");
    let expected = [
        ("FIRST", "1"),
        ("MIDDLE", "beta"),
        ("BETWEEN", "gamma"),
        ("empty", ""),
        ("odd.name-x", "kept"),
        ("LAST", "replaced"),
        ("NEW_2", "alpha"),
        ("NEW_1", "static"),
    ];
    check(rig, "in place, then appended", &request, &expected);
    let request = asking().env("FIRST", "1").env("MIDDLE", &format!("ampoule://{b}")).env("LAST", "3");
    check(rig, "in place", &request, &[("FIRST", "1"), ("MIDDLE", "beta"), ("LAST", "3")]);
}

fn a_version_can_be_pinned(rig: &Rig) {
    let cli = rig.daemon.cli();
    let id = cli.add("first");
    cli.set(&id, "second");
    let request = |suffix: &str| asking().env("A", &format!("ampoule://{id}{suffix}"));
    check(rig, "the current version", &request(""), &[("A", "second")]);
    check(rig, "an older version", &request("@1"), &[("A", "first")]);
    cli.set(&id, "third");
    check(rig, "the new current version", &request(""), &[("A", "third")]);
    check(rig, "a version that was current", &request("@2"), &[("A", "second")]);
}

fn every_injection_is_in_the_log(rig: &Rig) {
    let cli = rig.daemon.cli();
    let (a, b) = (cli.add("alpha"), cli.add("beta"));
    cli.set(&b, "gamma");
    let pinned = format!("ampoule://{b}@1");
    let request = env_vars(&json!([{"name": "A", "from_secret_id": a}])).env("B", &pinned);
    if rig.engine.carries(&request) {
        check(rig, "two", &request, &[("B", "beta"), ("A", "alpha")]);
    } else {
        let request = asking().env("A", &format!("ampoule://{a}")).env("B", &pinned);
        check(rig, "two", &request, &[("A", "alpha"), ("B", "beta")]);
    }
    let entries = cli.injections();
    let container = entries[0]["attributes"]["container_id"].clone();
    assert!(container.as_str().is_some_and(|id| !id.is_empty()), "{container}");
    let told: BTreeMap<_, _> = entries
        .iter()
        .map(|entry| {
            assert_eq!(entry["attributes"]["outcome"], "ok");
            assert_eq!(entry["attributes"]["container_id"], container);
            assert_eq!(entry["actor"]["uid"], rig.engine.site().user);
            (entry["attributes"]["variable"].to_string(), entry["target"].to_string())
        })
        .collect();
    assert_eq!((entries.len(), told.len()), (2, 2), "{entries:?}");
    assert!(told["\"A\""].contains(&a) && told["\"B\""].contains(&b), "{told:?}");
    let text = json!(cli.audit()).to_string();
    assert!(!["alpha", "beta", "gamma"].iter().any(|value| text.contains(value)), "a value is in the log");
}

fn a_created_container_waits_with_its_values(rig: &Rig) {
    let needle = Needle::random();
    let id = rig.daemon.cli().add(needle.value());
    let request = Request::sleeping().env("A", &format!("ampoule://{id}"));
    rig.engine.create("waiting", &request).ok();
    // From now on nobody asks the vault.
    rig.daemon.signal(nix::sys::signal::Signal::SIGSTOP);
    rig.engine.start("waiting").ok();
    let state = rig.engine.inspect("waiting").ok().out();
    assert!(state.contains("running"), "{state}");
    assert!(!needle.is_in(state.as_bytes()), "a value is shown");
    wait_until("the container has the value", || !needle.search_processes(|_| true).is_empty());
    rig.engine.stop("waiting");
    rig.engine.delete("waiting").ok();
    assert!(rig.engine.site().containers().is_empty());
}

on_every_engine!(
    every_form_of_the_grammar,
    one_ten_and_two_hundred_references,
    any_text_is_a_value,
    variables_keep_their_places,
    a_version_can_be_pinned,
    every_injection_is_in_the_log;
    create_apart: a_created_container_waits_with_its_values,
);

mod restart {
    use super::{Request, Rig};

    fn a_restart_gets_the_current_version(rig: &Rig<crate::support::engine::Podman>) {
        use crate::support::engine::Engine;
        let cli = rig.daemon.cli();
        let id = cli.add("first");
        let request = Request::sleeping().env("A", &format!("ampoule://{id}"));
        rig.engine.launch(&["run", "--detach", "--name", "kept"], &request).ok();
        let value = || {
            let exec = rig.engine.call(&["exec", "kept", "sh", "-c", "tr '\\0' '\\n' </proc/1/environ | grep ^A="]);
            exec.ok().out()
        };
        assert_eq!(value(), "A=first\n");
        cli.set(&id, "second");
        rig.engine.call(&["restart", "--time", "0", "kept"]).ok();
        assert_eq!(value(), "A=second\n");
        rig.engine.delete("kept").ok();
    }

    #[test]
    fn on_podman_with_runc() {
        a_restart_gets_the_current_version(&Rig::podman_runc());
    }

    #[test]
    fn on_podman_with_crun() {
        a_restart_gets_the_current_version(&Rig::podman_crun());
    }
}
