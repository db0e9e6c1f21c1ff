//! Who may report and ask, and what is made of no report.

use serde_json::{Value, json};

use crate::support::caller::Caller;
use crate::support::daemon::Daemon;
use crate::support::rig::temporary_folder;
use crate::support::rpc::Rpc;

const REPORT: &str = "ampoule.v1.InjectionService/Report";
const RESOLVE: &str = "ampoule.v1.InjectionService/Resolve";
const USAGE: &str = "ampoule.v1.UsageService/ListUsage";
const OWNER: u32 = 61001;

fn asking(id: &str) -> Value {
    json!({ "container": { "id": "c1", "name": "web" }, "references": [{ "name": "A", "object_id": id }] })
}

fn rows(answer: &Value) -> Vec<Value> {
    answer["usage"].as_array().cloned().unwrap_or_default()
}

#[test]
fn who_was_given_the_values_may_report_and_nobody_else() {
    let folder = temporary_folder();
    let daemon = Daemon::start_as(OWNER, folder.path());
    let mut root = Rpc::new(&daemon.socket());
    let id = root.create(&json!({ "value": "x" }));
    let token = |root: &mut Rpc, name: &str| {
        let made = root.make_token(name, &["vault/object:*:inject"]).expect("a token");
        Caller::token(made["bearerToken"].as_str().expect("a token"), &daemon.socket())
    };
    let (mut one, mut other) = (token(&mut root, "one"), token(&mut root, "other"));
    let injected =
        one.call(RESOLVE, &asking(&id)).expect("resolved")["injectionId"].as_str().expect("an id").to_owned();
    let report = |id: &str| json!({ "injection_id": id, "fate": "FATE_DELETED" });
    let refused = other.call(REPORT, &report(&injected)).expect_err("another's");
    let nowhere = other.call(REPORT, &report("req_0123456789abcdef")).expect_err("nobody's");
    assert_eq!(refused.code, "not_found");
    assert_eq!(refused.message.replace(&injected, "ID"), nowhere.message.replace("req_0123456789abcdef", "ID"));
    let outcomes: Vec<Value> =
        root.audit(0, "").0.iter().rev().take(2).map(|e| e["attributes"]["outcome"].clone()).collect();
    assert_eq!(outcomes, ["unknown", "denied"]);
    assert_eq!(rows(&root.call(USAGE, &json!({})).expect("listed")).len(), 1);
    one.call(REPORT, &report(&injected)).expect("its own");
    assert!(rows(&root.call(USAGE, &json!({})).expect("listed")).is_empty());
    let again = one.call(RESOLVE, &asking(&id)).expect("resolved")["injectionId"].as_str().expect("an id").to_owned();
    root.call(REPORT, &report(&again)).expect("root may");
    for broken in [
        json!({ "injection_id": "x", "fate": "FATE_DELETED" }),
        json!({ "injection_id": again }),
        json!({ "injection_id": again, "fate": "FATE_CREATED" }),
        json!({ "injection_id": again, "fate": "FATE_REFUSED", "reason": "x" }),
        json!({ "fate": "FATE_REFUSED" }),
        json!({ "fate": "FATE_REFUSED", "reason": "x".repeat(1025) }),
        json!({ "fate": "FATE_REFUSED", "reason": "a\nb" }),
        json!({ "fate": "FATE_REFUSED", "reason": "x", "container": { "id": "a\nb" } }),
    ] {
        assert_eq!(root.call(REPORT, &broken).expect_err("refused").code, "invalid_argument", "{broken}");
    }
}

/// A hook has refused a container by itself.
#[test]
fn a_refusal_is_recorded_for_who_may_inject() {
    let folder = temporary_folder();
    let daemon = Daemon::start(folder.path());
    let mut root = Rpc::new(&daemon.socket());
    let made = root.make_token("lister", &["vault/object:*:list"]).expect("a token");
    let mut lister = Caller::token(made["bearerToken"].as_str().expect("a token"), &daemon.socket());
    let refusal =
        json!({ "fate": "FATE_REFUSED", "reason": "no tmpfs", "container": { "id": "c1", "engine": "podman" } });
    assert_eq!(lister.call(REPORT, &refusal).expect_err("it may not inject").code, "permission_denied");
    root.call(REPORT, &refusal).expect("recorded");
    let entries: Vec<Value> =
        daemon.cli().injections().into_iter().map(|mut entry| entry["attributes"].take()).collect();
    let outcomes: Vec<&Value> = entries.iter().map(|told| &told["outcome"]).collect();
    assert_eq!(outcomes, ["denied", "failed"], "{entries:?}");
    let told = ["reason", "container_id", "engine"].map(|name| entries[1][name].as_str().unwrap_or_default());
    assert_eq!(told, ["no tmpfs", "c1", "podman"]);
    assert!(rows(&root.call(USAGE, &json!({})).expect("listed")).is_empty());
}

#[test]
fn what_may_be_described_is_shown_and_nothing_else() {
    let folder = temporary_folder();
    let daemon = Daemon::start(folder.path());
    let mut root = Rpc::new(&daemon.socket());
    let labelled = |env: &str| json!({ "value": "x", "labels": [{ "name": "env", "value": env }] });
    let (prod, dev) = (root.create(&labelled("prod")), root.create(&labelled("dev")));
    let references = json!([{ "name": "A", "object_id": prod }, { "name": "B", "object_id": dev }, { "name": "C", "object_id": prod }]);
    root.call(RESOLVE, &json!({ "container": { "id": "c1", "name": "web" }, "references": references }))
        .expect("resolved");
    let made = root.make_token("prod", &["vault/object:label:env=prod:describe"]).expect("a token");
    let mut caller = Caller::token(made["bearerToken"].as_str().expect("a token"), &daemon.socket());
    let found = rows(&caller.call(USAGE, &json!({})).expect("listed"));
    assert_eq!(found.iter().map(|row| &row["objectId"]).collect::<Vec<_>>(), [&prod]);
    assert_eq!(found[0]["names"], json!(["A", "C"]));
    let of = |caller: &mut Caller, id: &str| caller.call(USAGE, &json!({ "object_id": id })).expect_err(id);
    let hidden = of(&mut caller, &dev);
    let nowhere = of(&mut caller, "sec_abcdefghijklmnopqrst");
    assert_eq!(
        (hidden.code.as_str(), hidden.message.replace(&dev, "ID")),
        ("not_found", nowhere.message.replace("sec_abcdefghijklmnopqrst", "ID"))
    );
    for (container, count) in [("web", 2), ("c", 2), ("c1", 2), ("we", 0), ("c12", 0)] {
        assert_eq!(
            rows(&root.call(USAGE, &json!({ "container": container })).expect("listed")).len(),
            count,
            "{container}"
        );
    }
    // A deleted secret is stale in every version.
    assert!(rows(&root.call(USAGE, &json!({ "stale": true })).expect("listed")).is_empty());
    root.vault("DeleteObject", &json!({ "object_id": dev })).expect("deleted");
    let stale = rows(&root.call(USAGE, &json!({ "stale": true })).expect("listed"));
    assert_eq!(
        stale.iter().map(|row| (&row["objectId"], &row["deleted"])).collect::<Vec<_>>(),
        [(&json!(dev), &json!(true))]
    );
}

/// A container whose shim was killed before it could tell.
#[test]
fn one_that_is_never_reported_is_not_kept_for_ever() {
    let folder = temporary_folder();
    let mut daemon = Daemon::start(folder.path());
    let id = daemon.cli().add("alpha");
    Rpc::new(&daemon.socket()).call(RESOLVE, &asking(&id)).expect("resolved");
    for (minutes, rows) in [(0, 1), (58, 1), (2, 0)] {
        daemon.kill();
        let database = rusqlite::Connection::open(daemon.state().join("vault.db")).expect("opened");
        let microseconds = i64::from(minutes) * 60_000_000;
        database.execute("UPDATE injections SET at = at - ?1", [microseconds]).expect("changed");
        drop(database);
        daemon.launch();
        daemon.wait_ready();
        assert_eq!(daemon.cli().usage(&[]).len(), rows, "{minutes}");
    }
    let ended = daemon.cli().audit().into_iter().find(|entry| entry["action"] == "vault.object.injected");
    let ended = ended.expect("an entry");
    assert_eq!((&ended["attributes"]["outcome"], &ended["actor"]["type"]), (&json!("unknown"), &json!("daemon")));
}

/// No container outlives the machine's run.
#[test]
fn nothing_is_held_after_a_reboot() {
    let folder = temporary_folder();
    let mut daemon = Daemon::start(folder.path());
    let id = daemon.cli().add("alpha");
    Rpc::new(&daemon.socket()).call(RESOLVE, &asking(&id)).expect("resolved");
    daemon.kill();
    let database = rusqlite::Connection::open(daemon.state().join("vault.db")).expect("opened");
    database.execute("UPDATE injections SET boot = 'another'", []).expect("changed");
    drop(database);
    daemon.launch();
    daemon.wait_ready();
    assert!(daemon.cli().usage(&[]).is_empty());
    // Nobody had told what became of it.
    let told = daemon.cli().audit();
    let outcome =
        |action: &str| told.iter().find(|entry| entry["action"] == action).map(|entry| &entry["attributes"]["outcome"]);
    assert_eq!(outcome("vault.object.injected"), Some(&json!("unknown")));
    assert_eq!(outcome("vault.object.released"), Some(&json!("ok")));
}
