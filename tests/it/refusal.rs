//! What can't be done is refused whole: no container, a message that names the cause, and nothing changed.

use serde_json::{Value, json};

use crate::support::bundle::Request;
use crate::support::engine::on_every_engine;
use crate::support::rig::Rig;

/// Runs a request that must not become a container; the message, which is returned, has to contain all of `named`.
#[track_caller]
pub(crate) fn refused(rig: &Rig, what: &str, request: &Request, named: &[&str]) -> String {
    let logged_before = rig.engine.logged_errors();
    let ran = rig.engine.run_printing_environment(request);
    let message = ran.err();
    if !rig.engine.carries(request) {
        assert!(rig.engine.does_not_carry(&ran), "{what}: {message}");
        return String::new();
    }
    assert_eq!(ran.code(), rig.engine.refusal_code(), "{what}: {message}");
    assert!(ran.stdout.is_empty(), "{what}: a container ran: {}", ran.out());
    for part in named {
        assert!(message.contains(part), "{what}: \"{part}\" is not in: {message}");
    }
    // Engines rewrite messages with these words.
    let lower = message.to_lowercase();
    assert!(!lower.contains("no such file or directory") && !lower.contains("permission denied"), "{what}: {message}");
    assert!(rig.engine.site().containers().is_empty(), "{what}: the runtime knows a container");
    let Some(logged) = rig.engine.logged_errors() else { return message };
    assert_eq!(logged.len(), logged_before.unwrap_or_default().len() + 1, "{what}: one line in the runtime's log");
    let line = logged.last().expect("not empty");
    let told = line["msg"].as_str().expect("msg");
    assert!(named.iter().all(|part| told.contains(part)), "{what}: {line}");
    assert!(message.contains(told), "{what}: standard error says something else: {message}");
    let time: Result<jiff::Timestamp, _> = line["time"].as_str().expect("time").parse();
    assert!(time.is_ok(), "{what}: {line}");
    message
}

fn with(name: &str, annotation: &str) -> Request {
    Request::printing_environment().annotation(name, annotation)
}

fn env_vars(list: &Value) -> Request {
    with(ENV_VARS, &list.to_string())
}

const ENV_VARS: &str = "ampoule.dev/env-vars";
const WHOLE: &str = "ampoule.dev/container-request";
const KNOWN: &str = "sec_abcdefghijklmnopqrst";

fn malformed_requests(rig: &Rig) {
    let before = (rig.daemon.cli().list(), rig.daemon.cli().injections());
    let named = |name: &str| env_vars(&json!([{"name": name, "from_secret_id": KNOWN}]));
    for (what, name) in [("empty", ""), ("with =", "A=B"), ("with NUL", "A\0B"), ("digit first", "1A"), ("dash", "A-B")]
    {
        refused(rig, what, &named(name), &["ampoule.dev/env-vars[0].name"]);
    }
    let with_id = |id: &str| env_vars(&json!([{"name": "TOKEN", "from_secret_id": id}]));
    for id in ["sec_", "sec_UPPER", "tok_abc", "correct horse", "sec_abc def", "sec_abc@", "sec_abc@0"] {
        refused(rig, id, &with_id(id), &["ampoule.dev/env-vars[0].from_secret_id"]);
    }
    for text in ["", "{", "[", "nonsense", "{}", "[1]", "[{}]", "[{\"name\": 1}]", "[{\"name\": \"A\"}] x"] {
        refused(rig, text, &with(ENV_VARS, text), &[ENV_VARS]);
    }
    refused(rig, "an unknown key", &with(ENV_VARS, r#"[{"name": "A", "secret": "x"}]"#), &[ENV_VARS, "secret"]);
    for text in ["", "{", "[]", "nonsense", r#"{"env_vars": {}}"#, r#"{"env_vars": [{"name": ""}]}"#] {
        refused(rig, text, &with(WHOLE, text), &[WHOLE]);
    }
    refused(rig, "a bad id by hand", &with("ampoule.dev/env.TOKEN", "sec_!"), &["ampoule.dev/env.TOKEN"]);
    refused(rig, "a bad name by hand", &with("ampoule.dev/env.A-B", KNOWN), &["ampoule.dev/env.A-B"]);
    refused(rig, "no name by hand", &with("ampoule.dev/env.", KNOWN), &["ampoule.dev/env."]);
    for reference in ["ampoule://", "ampoule://sec_", "ampoule://tok_a", "ampoule://sec_a@", "ampoule://sec_a@0"] {
        refused(rig, reference, &Request::printing_environment().env("TOKEN", reference), &["TOKEN"]);
    }
    for unknown in ["ampoule.dev/files.TOKEN", "ampoule.dev/envvars", "ampoule.dev/"] {
        refused(rig, unknown, &with(unknown, KNOWN), &[unknown]);
    }
    // The vault was not even asked.
    assert_eq!((rig.daemon.cli().list(), rig.daemon.cli().injections()), before);
}

/// What was put where a secret's id belongs may be the secret.
fn a_value_in_the_wrong_place_is_not_repeated(rig: &Rig) {
    for value in ["hunter2", "sec_Hunter2-and-so-on"] {
        let plain = Request::printing_environment();
        let variable = |entry: Value| env_vars(&json!([entry]));
        for (place, request) in [
            ("from_secret_id", variable(json!({"name": "TOKEN", "from_secret_id": value}))),
            ("from_secret_id", variable(json!({"name": "TOKEN", "from_secret_id": format!("{KNOWN}@{value}")}))),
            ("ampoule.dev/env.TOKEN", with("ampoule.dev/env.TOKEN", value)),
            ("TOKEN", plain.clone().env("TOKEN", &format!("ampoule://{value}"))),
            ("TOKEN", plain.env("TOKEN", &format!("ampoule://{KNOWN}@{value}"))),
        ] {
            let message = refused(rig, place, &request, &[place]);
            assert!(!message.to_lowercase().contains("hunter"), "{place}: {message}");
        }
    }
}

fn a_name_given_twice(rig: &Rig) {
    let cli = rig.daemon.cli();
    let id = cli.add("alpha");
    let entry = json!({"name": "TWICE", "from_secret_id": id});
    let fixed = json!({"name": "TWICE", "value": "x"});
    refused(rig, "two secrets", &env_vars(&json!([entry, entry])), &["TWICE"]);
    refused(rig, "a secret and a value", &env_vars(&json!([entry, fixed])), &["TWICE"]);
    let also = env_vars(&json!([entry])).annotation("ampoule.dev/env.TWICE", &id);
    refused(rig, "in two annotations", &also, &["TWICE"]);
    let whole = json!({"name": "web", "environment": {"TWICE": "1"}, "env_vars": [entry]});
    refused(rig, "within a request", &with(WHOLE, &whole.to_string()), &["TWICE"]);
    assert!(cli.injections().is_empty(), "the vault was asked");
}

fn references_that_cannot_be_resolved(rig: &Rig) {
    let cli = rig.daemon.cli();
    let (good, deleted) = (cli.add("alpha"), cli.add("beta"));
    cli.delete(&deleted);
    let before = cli.list();
    let reference = |name: &str, id: &str| json!({"name": name, "from_secret_id": id});
    let mixed = |name: &str, id: &str| {
        let list = env_vars(&json!([reference("GOOD", &good), reference(name, id)]));
        let value = |id| format!("ampoule://{id}");
        let values = Request::printing_environment().env("GOOD", &value(&*good)).env(name, &value(id));
        if rig.engine.carries(&list) { list } else { values }
    };
    refused(rig, "unknown", &mixed("BAD", KNOWN), &["BAD", KNOWN]);
    refused(rig, "deleted", &mixed("BAD", &deleted), &["BAD", &deleted, "deleted"]);
    let pinned = mixed("OTHER", &good).env("BAD", &format!("ampoule://{good}@7"));
    refused(rig, "no such version", &pinned, &["BAD", &good, "version 7"]);
    // What was wrong with each name is in the log, and what was right is not lost in it.
    let mut told: Vec<_> = cli.injections().iter().map(|entry| told(&entry["attributes"])).collect();
    told.sort();
    let wanted = ["BAD deleted", "BAD unknown", "BAD unknown", "GOOD withheld", "GOOD withheld", "GOOD withheld"];
    assert_eq!(told, [&wanted[..], &["OTHER withheld"]].concat());
    assert_eq!(cli.list(), before);
}

fn told(attributes: &Value) -> String {
    let text = |key: &str| attributes[key].as_str().expect("text").to_owned();
    format!("{} {}", text("variable"), text("outcome"))
}

on_every_engine!(
    malformed_requests,
    a_value_in_the_wrong_place_is_not_repeated,
    a_name_given_twice,
    references_that_cannot_be_resolved
);
