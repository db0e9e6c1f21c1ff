//! The same on Docker: a life of an instance, and what dockerd goes on with when nobody listens any more.

use serde_json::json;

use super::ports::fetch;
use super::{Host, IMAGE, Json, id, printing};
use crate::canary::places;
use crate::support::engine::{Docker, Engine};
use crate::support::process::wait_until;
use crate::support::search::Needle;

fn host() -> Host<Docker> {
    let settings = json!({"state_folder": "/run/ampoule-tokens", "devbox": {"default_image": IMAGE}});
    Host::start(&settings, &json!({}))
}

#[test]
fn an_instance_lives_on_docker_as_on_podman() {
    let mut host = host();
    let (needle, other) = (Needle::random(), host.cli().add("beta"));
    let secret = host.cli().add(needle.value());
    let mut request = printing("A", &secret);
    request["args"] =
        json!(["sh", "-c", "echo \"${#A} letters, $PLAIN\"; echo bad >&2; trap 'exit 0' TERM; sleep 1000 & wait"]);
    request["nsc_state_path"] = json!("/token");
    request["export_ports"] = json!([{"container_port": 80}]);
    request["environment"] = json!({"PLAIN": "x=y #z"});
    let instance = id(&host.run(&request));
    let logs = || host.cli().run(&["instance", "logs", &instance], b"").ok();
    wait_until("it has printed", || !logs().out().is_empty() && !logs().err().is_empty());
    let printed = format!("{} letters, x=y #z\n", needle.value().len());
    assert_eq!((logs().out(), logs().err().as_str()), (printed, "bad\n"));
    let described = host.describe(&instance);
    assert_eq!(described["status"], "RUNNING");
    // A port is reached on the loopback of dockerd's network.
    let endpoint = described["containers"][0]["exported_port"][0]["endpoint"].as_str().expect("an endpoint");
    let serve = ["instance", "exec", "-d", &instance, "--", "sh", "-c", "echo by Docker >/x; httpd -p 80 -h /"];
    host.cli().run(&serve, b"").ok();
    wait_until("it answers", || fetch(host.engine.pid(), endpoint).out() == "by Docker\n");
    let container = described["containers"][0]["id"].as_str().expect("an id").to_owned();
    let found = places(&needle, &host.engine, &container);
    assert!(found.is_empty(), "{found:?}");
    let cli = host.cli();
    let exec = |args: &[&str]| cli.run(&[&["instance", "exec", &instance][..], args].concat(), b"");
    let ran = exec(&["--secret", &format!("B={other}"), "--", "sh", "-c", "echo ${#A} $B; echo bad >&2; exit 3"]);
    let expected = format!("{} beta\n", needle.value().len());
    assert_eq!((ran.code(), ran.out(), ran.err().as_str()), (3, expected, "bad\n"));
    assert_eq!(exec(&["--", "sh", "-c", "cut -c1-21 $NSC_TOKEN_FILE"]).ok().out(), "{\"bearer_token\":\"amp_\n");

    // A job that ends, and what can't be started.
    let job = json!({"name": "job", "image_ref": IMAGE, "args": ["sh", "-c", "echo last words; exit 7"]});
    let job = id(&host.create(&job, &[]).json());
    host.wait_for_status(&job, "DESTROYED");
    assert_eq!(host.logs(&job), "last words\n");
    let absent = host.create(&json!({"name": "x", "image_ref": "localhost/not-there"}), &["--wait"]);
    assert!(absent.code() == 1 && absent.err().contains("not-there"), "{}", absent.err());
    let command = json!({"name": "x", "image_ref": IMAGE, "args": ["no-such-program"]});
    let refused = host.create(&command, &["--wait"]);
    assert!(refused.code() == 1 && refused.err().contains("no-such-program"), "{}", refused.err());

    // A devbox: what is in it outlives a stop, and its secret is drawn anew.
    let spec = json!({"name": "box", "env": [{"name": "A", "from_secret_id": other}]}).to_string();
    let made = host.devbox(&["create", "--from", "-", "--from_format", "json", "-o", "json"], &spec).json();
    assert_eq!((&made["status"], &made["directory"]), (&json!("RUNNING"), &json!("/workspaces")));
    assert_eq!(host.inside("box", "echo $A; pwd; echo kept >~/file; echo kept >file"), "beta\n/workspaces\n");
    host.devbox(&["exec", "-d", "box", "--", "sh", "-c", "echo from afar; sleep 1000"], "").ok();
    wait_until("it has printed", || host.devbox(&["logs", "box"], "").out().contains("from afar\n"));
    let notes = host.engine.site().folder().join("notes");
    std::fs::write(&notes, "from here\n").expect("written");
    host.devbox(&["upload", notes.to_str().expect("UTF-8"), "box:"], "").ok();
    assert_eq!(host.devbox(&["stop", "box", "-o", "json"], "").json()["status"], "SUSPENDED");
    host.cli().set(&other, "gamma");
    assert_eq!(host.devbox(&["start", "box", "-o", "json"], "").json()["status"], "RUNNING");
    assert_eq!(host.inside("box", "echo $A; cat ~/file file notes"), "gamma\nkept\nkept\nfrom here\n");
    assert!(host.devbox(&["download", "box:notes", "-"], "").ok().out().contains("from here"));
    assert_eq!(host.volumes().len(), 2);
    host.devbox(&["expire", "box", "--force"], "").ok();
    assert_eq!(host.volumes(), [""; 0]);
    let brief = json!({"name": "brief", "ephemeral": true}).to_string();
    host.devbox(&["create", "--from", "-", "--from_format", "json"], &brief).ok();
    host.inside("brief", "touch ~/file file");
    host.devbox(&["stop", "brief"], "").ok();
    host.devbox(&["start", "brief"], "").ok();
    assert_eq!(host.inside("brief", "ls ~ /workspaces"), "/root:\n\n/workspaces:\n");
    host.devbox(&["expire", "brief", "--force"], "").ok();
    assert!(!host.containers().iter().any(|name| name.ends_with("-box") || name.ends_with("-brief")));

    // dockerd finishes what the client was killed over; the next daemon removes it.
    for round in 0..4 {
        let made = id(&host.create(&printing("A", &secret), &[]).json());
        std::thread::sleep(std::time::Duration::from_millis(50 * round));
        host.daemon.kill();
        host.launch();
        wait_until("it is decided", || matches!(host.describe(&made)["status"].as_str(), Some("RUNNING" | "ERROR")));
        host.destroy(&made);
        let left = || host.containers().into_iter().filter(|name| name.contains(&made)).count();
        wait_until("nothing is left of it", || left() == 0);
    }
    assert_eq!(host.describe(&instance)["status"], "RUNNING", "it lives on meanwhile");
    assert_eq!(exec(&["--", "sh", "-c", "echo ${#A}"]).ok().out(), format!("{}\n", needle.value().len()));
    host.destroy(&instance);
    assert_eq!(host.describe(&instance)["status"], "DESTROYED");
    assert!(!host.containers().iter().any(|name| name.contains(&instance)));
}
