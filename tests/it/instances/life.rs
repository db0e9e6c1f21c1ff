//! What people do with instances.

use std::thread;

use serde_json::{Value, json};

use super::{Host, IMAGE, Json, id, printing};
use crate::canary::places;
use crate::support::process::wait_until;
use crate::support::rpc::Rpc;
use crate::support::search::Needle;
use crate::support::terminal::Terminal;

#[test]
fn a_request_becomes_a_container_that_alone_has_the_value() {
    let host = Host::new();
    let needle = Needle::random();
    let secret = host.cli().add(needle.value());
    let mut request = printing("DATABASE_URL", &secret);
    request["args"] = json!(["sh", "-c", "echo \"it has ${#DATABASE_URL} letters\"; exec sleep 1000"]);
    let instance = host.run(&request);
    let instance_id = id(&instance);
    assert_eq!(instance["status"], "RUNNING");
    wait_until("it has printed", || !host.logs(&instance_id).is_empty());
    assert_eq!(host.logs(&instance_id), format!("it has {} letters\n", needle.value().len()));
    let described = host.describe(&instance_id);
    assert_eq!(described["containers"][0]["name"], "web");
    let container = described["containers"][0]["id"].as_str().expect("an id");
    let found = places(&needle, &host.engine, container);
    assert!(found.is_empty(), "{found:?}");
    assert!(!needle.search_processes(|_| true).is_empty(), "the container has it");
    let listed = host.cli().run(&["instance", "list"], b"").ok().out();
    assert!(listed.contains(&instance_id) && listed.contains("RUNNING"), "{listed}");
    host.destroy(&instance_id);
    assert_eq!(host.containers(), [""; 0]);
    assert_eq!(host.describe(&instance_id)["status"], "DESTROYED");
    let logs = host.cli().run(&["instance", "logs", &instance_id], b"");
    assert!(logs.code() == 1 && logs.err().contains("its containers are gone"), "{}", logs.err());
    let audit = host.cli().audit();
    for action in ["compute.instance.create", "vault.object.inject", "compute.instance.destroy"] {
        let count = audit.iter().filter(|entry| entry["action"] == action).count();
        assert_eq!(count, 1, "{action}");
    }
}

#[test]
fn commands_run_in_it_with_its_values_and_with_others() {
    let host = Host::new();
    let (one, two) = (host.cli().add("alpha"), host.cli().add("beta"));
    let instance_id = id(&host.run(&printing("A", &one)));
    let secret = format!("B={two}");
    let args =
        ["instance", "exec", &instance_id, "--secret", &secret, "--", "sh", "-c", "echo $A $B; echo bad >&2; exit 3"];
    let ran = host.cli().run(&args, b"");
    assert_eq!((ran.code(), ran.out().as_str(), ran.err().as_str()), (3, "alpha beta\n", "bad\n"));
    // The container is the only one, and the log says which that was.
    assert_eq!(host.cli().run(&["instance", "exec", &instance_id, "echo", "-n", "x"], b"").ok().out(), "x");
    let entries = host.cli().entries("compute.instance.exec");
    assert!(entries.iter().all(|entry| entry["attributes"]["container"] == "web"), "{entries:?}");
    // Of two who want a container of one name at once, one gets it, and keeps it.
    let more = json!({"instance_id": instance_id, "containers": [
        {"name": "more", "image_ref": IMAGE, "args": ["sleep", "1000"]}
    ]});
    let start =
        || Rpc::new(&host.daemon.socket()).call("namespace.cloud.compute.v1beta.ComputeService/StartContainers", &more);
    let answers =
        thread::scope(|scope| [scope.spawn(start), scope.spawn(start)].map(|each| each.join().expect("ends")));
    let refused: Vec<_> = answers.into_iter().filter_map(Result::err).collect();
    assert!(refused.len() == 1 && refused[0].message.contains("already"), "{refused:?}");
    let args = ["instance", "exec", "--container", "more", &instance_id, "--", "true"];
    host.cli().run(&args, b"").ok();
    assert_eq!(host.containers().len(), 2);
    let lines = host.cli().run(&["instance", "logs", "-o", "json", &instance_id], b"").ok().out();
    let line: Value = serde_json::from_str(lines.lines().next().expect("a line")).expect("JSON");
    assert_eq!((&line["container"], &line["content"]), (&json!("web"), &json!("A is alpha")));
}

#[test]
fn a_job_ends_its_instance_and_a_service_fails_it() {
    let host = Host::new();
    let ending = |workload: &str| {
        json!({"containers": [{
            "name": "work", "image_ref": IMAGE, "args": ["sh", "-c", "echo last words; exit 7"], "workload_type": workload
        }]})
    };
    let job = id(&host.create(&ending("JOB"), &[]).json());
    host.wait_for_status(&job, "DESTROYED");
    assert_eq!(host.logs(&job), "last words\n", "what it printed can be read for a while");
    let service = id(&host.create(&ending("SERVICE"), &[]).json());
    host.wait_for_status(&service, "ERROR");
    let error = host.cli().run(&["instance", "wait", &service], b"").err();
    let described = host.cli().run(&["instance", "describe", &service], b"").ok().out();
    for part in ["exit code 7", "last words"] {
        assert!(error.contains(part) && described.contains(part), "{error}\n{described}");
    }
    host.destroy(&service);
}

#[test]
fn a_deadline_is_kept_and_can_be_moved() {
    let host = Host::new();
    let request = |name: &str| json!({"name": name, "image_ref": IMAGE, "args": ["sleep", "1000"]});
    let mut soon = json!({"containers": [request("soon")]});
    let deadline = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(12);
    soon["deadline"] = json!(deadline.to_string());
    let (soon, moved) = (id(&host.run(&soon)), {
        let mut moved = json!({"containers": [request("moved")]});
        moved["deadline"] = json!(deadline.to_string());
        id(&host.run(&moved))
    });
    host.cli().run(&["instance", "extend", &moved, "--by", "1h"], b"").ok();
    host.wait_for_status(&soon, "DESTROYED");
    assert_eq!(host.describe(&moved)["status"], "RUNNING");
    host.destroy(&moved);
}

#[test]
fn what_cannot_be_started_says_why() {
    let host = Host::new();
    let absent = json!({"name": "x", "image_ref": "localhost/not-there"});
    let failed = id(&host.create(&absent, &[]).json());
    host.wait_for_status(&failed, "ERROR");
    let error = host.cli().run(&["instance", "wait", &failed], b"").err();
    assert!(error.contains("not-there"), "{error}");
    // On a terminal one sees how far the fetching is, before its end.
    let command = host.cli().command(&["run", "--image", "localhost/not-there", "--wait"]);
    let shown = Terminal::start(&command).close().shown;
    // The engine's last line, whichever that is at the time, names what it fetches.
    let [told, ended] = ["localhost/not-there", "ERROR"].map(|text| shown.find(text).expect(&shown));
    assert!(told < ended, "{shown}");
    let command = json!({"name": "x", "image_ref": IMAGE, "args": ["no-such-program"]});
    let refused = host.create(&command, &["--wait"]);
    assert_eq!(refused.code(), 1);
    assert!(refused.err().contains("no-such-program"), "{}", refused.err());
    let unknown = host.create(&printing("A", "sec_unknown"), &[]);
    assert!(unknown.code() == 1 && unknown.err().contains("sec_unknown"), "{}", unknown.err());
    host.destroy(&failed);
    for listed in host.cli().run(&["instance", "list", "-o", "json"], b"").json().as_array().expect("a list") {
        host.destroy(&id(listed));
    }
    assert_eq!(host.containers(), [""; 0]);
}
