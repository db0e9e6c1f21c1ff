//! Every access stands in the log, once for each name, and no value does.

use std::os::unix::net::UnixStream;
use std::process::Command;

use serde_json::{Value, json};

use super::start;
use crate::support::daemon::Daemon;
use crate::support::process::{Job, wait_until};
use crate::support::rig::temporary_folder;
use crate::support::rpc::Rpc;
use crate::support::search::Needle;
use crate::support::wire::messages::{condition, labelled, reference, revealable, secret};
use crate::support::wire::{Client, Protocol};

use ampoule_proto::messages::ampoule::v1::SecretReference;
use ampoule_proto::messages::namespace::stdlib::label_filter_entry::LabelFilterOp::EXIST;

const UNKNOWN: &str = "sec_abcdefghijklmnopqrst";

/// An entry in short: the action without its prefix, the secret and version, the variable, the outcome.
fn brief(entry: &Value) -> [String; 4] {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (target, attributes) = (&entry["target"], &entry["attributes"]);
    let action = text(&entry["action"]).trim_start_matches("vault.object.").to_owned();
    let version = target["version"].as_str().map(|version| format!("@{version}")).unwrap_or_default();
    [action, text(&target["id"]) + &version, text(&attributes["variable"]), text(&attributes["outcome"])]
}

fn line(action: &str, id: &str, variable: &str, outcome: &str) -> [String; 4] {
    [action, id, variable, outcome].map(str::to_owned)
}

/// Does something; the entries that it added.
fn added<T>(client: &Client, access: impl FnOnce() -> T) -> Vec<[String; 4]> {
    let before = client.audit().len();
    access();
    client.audit()[before..].iter().map(brief).collect()
}

#[test]
fn every_access_has_one_entry() {
    let (_served, client) = start();
    let created = |request| {
        let mut id = String::new();
        let entries = added(&client, || id = client.create(&request).expect("created").object_id);
        assert_eq!(entries, [line("create", &format!("{id}@1"), "", "ok")]);
        id
    };
    let (closed, open) = (created(secret("alpha")), created(revealable("beta")));
    let at = |id: &str, version: u32| format!("{id}@{version}");

    let update = |version| added(&client, || client.update(&closed, "gamma", version));
    assert_eq!(update("1"), [line("update", &at(&closed, 2), "", "ok")]);
    assert_eq!(update("1"), [line("update", &at(&closed, 1), "", "version_mismatch")]);
    let entries = added(&client, || client.update(UNKNOWN, "gamma", ""));
    assert_eq!(entries, [line("update", UNKNOWN, "", "unknown")]);

    let describe = |id| added(&client, || client.describe(id));
    assert_eq!(describe(&closed), [line("describe", &at(&closed, 2), "", "ok")]);
    assert_eq!(describe(&open), [line("reveal", &at(&open, 1), "", "ok")]);
    assert_eq!(describe(UNKNOWN), [line("describe", UNKNOWN, "", "unknown")]);
    assert_eq!(added(&client, || client.list(vec![])), [line("list", "", "", "ok")]);

    let delete = |version| added(&client, || client.delete(&open, version));
    assert_eq!(delete("2"), [line("delete", &at(&open, 2), "", "version_mismatch")]);
    assert_eq!(delete("1"), [line("delete", &at(&open, 1), "", "ok")]);
    assert_eq!(delete(""), [line("delete", &open, "", "deleted")]);
    assert_eq!(describe(&open), [line("describe", &at(&open, 1), "", "ok")]);
    let entries = added(&client, || client.update(&open, "gamma", ""));
    assert_eq!(entries, [line("update", &open, "", "deleted")]);
}

#[test]
fn a_file_is_told_by_its_path() {
    let (_served, client) = start();
    let id = client.add("alpha");
    let file = |path: &str| SecretReference { path: path.to_owned(), ..reference("A", &id) };
    // A file and a variable may have one name, and files in different places too.
    let asked = vec![reference("A", &id), file("/run/secrets/A"), file("/etc/a")];
    let before = client.audit().len();
    let resolved = client.resolve(asked).expect("resolved");
    assert_eq!(resolved.iter().map(|secret| secret.name.as_str()).collect::<Vec<_>>(), ["A", "A", "A"]);
    let told = |key: &str| -> Vec<Value> {
        client.audit()[before..].iter().map(|entry| entry["attributes"][key].clone()).collect()
    };
    assert_eq!(told("variable"), [json!("A"), Value::Null, Value::Null]);
    assert_eq!(told("file"), [Value::Null, json!("/run/secrets/A"), json!("/etc/a")]);

    for path in ["etc/a", "/", "/a/../b", "/a\nb"] {
        let refused = client.resolve(vec![file(path)]).expect_err(path).message;
        assert!(refused.contains("references[0].path"), "{refused}");
    }
    let twice = client.resolve(vec![file("/a"), file("/a")]).expect_err("twice").message;
    assert!(twice.contains("file /a is asked for twice"), "{twice}");
    let unknown = SecretReference { path: "/run/secrets/B".to_owned(), ..reference("B", UNKNOWN) };
    let refused = client.resolve(vec![unknown]).expect_err("unknown").message;
    assert!(refused.contains("/run/secrets/B: "), "{refused}");
}

#[test]
fn every_name_of_a_container_has_one_entry() {
    let (_served, client) = start();
    let (one, two, gone) = (client.add("alpha"), client.add("beta"), client.add("gamma"));
    client.delete(&gone, "").expect("deleted");
    let resolve = |references: &[(&str, &str)]| {
        let references = references.iter().map(|(name, id)| reference(name, id)).collect();
        added(&client, || client.resolve(references))
    };
    let first = format!("{one}@1");
    let entries = resolve(&[("B", &two), ("A", &one), ("AGAIN", &first)]);
    let ok = |name, id: &str| line("inject", &format!("{id}@1"), name, "ok");
    assert_eq!(entries, [ok("B", &two), ok("A", &one), ok("AGAIN", &one)]);
    let absent = format!("{two}@9");
    let entries = resolve(&[("A", &one), ("B", UNKNOWN), ("C", &gone), ("D", &absent)]);
    assert_eq!(
        entries,
        [
            line("inject", &first, "A", "withheld"),
            line("inject", UNKNOWN, "B", "unknown"),
            line("inject", &gone, "C", "deleted"),
            line("inject", &absent, "D", "unknown"),
        ]
    );
}

/// What is known of the container stands in the first entry of its request; in the others, which container it is.
#[test]
fn a_container_is_described_once() {
    let (served, client) = start();
    let id = client.add("alpha");
    let container = json!({ "id": "c", "bundle": "/b", "engine": "podman", "image": "i", "runtime": "/r", "pid": 7 });
    let references: Vec<Value> = ["A", "B", "C"].iter().map(|name| json!({ "name": name, "object_id": id })).collect();
    let request = json!({ "container": container, "references": references });
    Rpc::new(&served.daemon.socket()).call("ampoule.v1.InjectionService/Resolve", &request).expect("resolved");
    let entries = client.audit().split_off(client.audit().len() - 3);
    for (place, entry) in entries.iter().enumerate() {
        let attributes = &entry["attributes"];
        assert_eq!((&attributes["container_id"], &attributes["pid"]), (&"c".into(), &7.into()), "{entry}");
        assert_eq!(attributes["request_id"], entries[0]["attributes"]["request_id"]);
        for (name, text) in [("bundle", "/b"), ("engine", "podman"), ("image", "i"), ("runtime", "/r")] {
            let expected = if place == 0 { json!(text) } else { Value::Null };
            assert_eq!(attributes[name], expected, "{name} of {entry}");
        }
    }
}

/// Who may inject nothing can't fill the log: it grows by less than was sent.
#[test]
fn many_references_of_who_has_no_right_are_one_entry() {
    let (served, client) = start();
    let (id, before) = (client.add("alpha"), client.audit().len());
    let mut root = Rpc::new(&served.daemon.socket());
    let made = root.make_token("powerless", &["vault/object:*:describe"]).expect("a token");
    let mut rpc = Rpc::with_token(&served.daemon.socket(), made["bearerToken"].as_str().expect("a token"));
    let references: Vec<Value> = (0..1024).map(|n| json!({ "name": format!("A{n}"), "object_id": id })).collect();
    let request = json!({ "container": { "id": "c", "bundle": "/b" }, "references": references });
    let refused = rpc.call("ampoule.v1.InjectionService/Resolve", &request).expect_err("no right");
    let told = format!("A0: there is no secret {id} that you may use");
    assert!(refused.code == "not_found" && refused.message.starts_with(&told), "{refused}");
    let entries = client.audit().split_off(before + 1);
    let [entry] = entries.as_slice() else { panic!("{} entries", entries.len()) };
    let attributes = &entry["attributes"];
    assert_eq!((&entry["action"], &attributes["outcome"]), (&"vault.object.inject".into(), &"denied".into()));
    assert_eq!((&attributes["count"], &attributes["bundle"]), (&1024.into(), &"/b".into()));
}

#[test]
fn an_entry_says_who_when_and_for_what() {
    let (served, client) = start();
    let id = client.create(&labelled("alpha", &["a=b"])).expect("created").object_id;
    let before = jiff::Timestamp::now();
    client.list(vec![condition(EXIST, "a", "")]).expect("listed");
    client.resolve(vec![reference("A", &id)]).expect("resolved");
    let mut entries = client.audit();
    let own: Vec<Value> = entries.extract_if(.., |entry| entry["actor"]["type"] == "daemon").collect();
    let own: Vec<&Value> = own.iter().map(|entry| &entry["action"]).collect();
    assert_eq!(own, ["vault.key.create", "vault.key.create", "vault.key.create", "daemon.start"]);
    let [created, listed, injected] = entries.as_slice() else { panic!("{entries:?}") };
    for entry in &entries {
        let pid = u64::from(std::process::id());
        let actor = serde_json::json!({"type": "user", "uid": 0, "gid": 0, "pid": pid});
        assert_eq!((&entry["actor"], &entry["target"]["type"]), (&actor, &"vault/object".into()), "{entry}");
        let tenant = entry["tenant_id"].as_str().expect("a string");
        assert!(tenant.starts_with("tenant_") && tenant == created["tenant_id"], "{entry}");
    }
    let at = |entry: &Value| entry["at"].as_str().expect("a string").parse::<jiff::Timestamp>().expect("RFC 3339");
    let times = [at(created), before, at(listed), at(injected), jiff::Timestamp::now()];
    let times = times.map(jiff::Timestamp::as_microsecond);
    assert!(times.is_sorted(), "{times:?}");
    assert_eq!(listed["attributes"]["count"], 1);
    let attributes = &injected["attributes"];
    assert_eq!((&attributes["container_id"], &attributes["pid"]), (&"web".into(), &7.into()));
    assert_eq!(attributes["bundle"], "/run/bundles/web");
    drop(served);
}

/// Not in the log, not in a message, not in a file, and not in what the daemon says at its most talkative.
#[test]
fn no_value_is_written_down() {
    let folder = temporary_folder();
    let daemon = Daemon::stopped(folder.path());
    let mut command = daemon.command();
    let job = Job::start(command.env("AMPOULE_LOG_LEVEL", "trace"), b"", Command::spawn);
    wait_until("the daemon's socket answers", || UnixStream::connect(daemon.socket()).is_ok());
    let needle = Needle::random();
    for protocol in [Protocol::ConnectJson, Protocol::ConnectProto, Protocol::Grpc, Protocol::GrpcWeb] {
        let client = Client::new(&daemon.socket(), protocol);
        let id = client.create(&revealable(needle.value())).expect("created").object_id;
        client.update(&id, needle.value(), "").expect("updated");
        assert_eq!(&*client.describe(&id).expect("described").value, needle.value());
        assert_eq!(&*client.resolve(vec![reference("A", &id)]).expect("resolved")[0].value, needle.value());
        let long = format!("{}\0", needle.value());
        let failures = [
            client.create(&secret(&long)).expect_err("NUL"),
            client.update(&id, &long, "").expect_err("NUL"),
            client.update(&id, needle.value(), "1").expect_err("an old version"),
            client.update(UNKNOWN, needle.value(), "").expect_err("unknown"),
            client.update(needle.value(), needle.value(), needle.value()).expect_err("no id"),
        ];
        let shown = format!("{failures:?}{:?}", client.audit());
        assert!(!needle.is_in(shown.as_bytes()), "{shown}");
        client.delete(&id, "").expect("deleted");
    }
    assert_eq!(needle.search_processes(|pid| pid == job.pid()), Vec::<std::path::PathBuf>::new());
    assert_eq!(needle.search(folder.path()), Vec::<std::path::PathBuf>::new());
    daemon_says(job, &needle);
}

fn daemon_says(job: Job, needle: &Needle) {
    let pid = nix::unistd::Pid::from_raw(job.pid().cast_signed());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).expect("signal");
    let ran = job.wait().ok();
    assert!(ran.err().contains("TRACE"), "it was not talkative: {}", ran.err());
    assert!(!needle.is_in(&ran.stderr) && ran.stdout.is_empty());
}
