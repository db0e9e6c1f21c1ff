//! Looking for entries.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::{Value, json};

use super::fill;
use crate::support::daemon::Daemon;
use crate::support::rig::temporary_folder;
use crate::support::rpc::Rpc;

type Condition<'a> = Box<dyn Fn(&Value) -> bool + 'a>;

#[test]
fn filters_find_what_they_name_and_all_of_it() {
    let folder = temporary_folder();
    let daemon = Daemon::start(folder.path());
    fill(&daemon, 60);
    let list = |args: &[&str]| -> Vec<Value> {
        let args = [&["audit", "list", "-o", "json"], args].concat();
        let listed = daemon.cli().run(&args, b"").ok().stdout;
        serde_json::from_slice(&listed).expect("JSON")
    };
    let all = list(&[]);
    let id = all.iter().find_map(|item| item["entry"]["target"]["id"].as_str().filter(|id| id.starts_with("sec_")));
    let (id, time) = (id.expect("a secret"), all[30]["entry"]["at"].as_str().expect("a time"));
    let cases: [(&[&str], Condition<'_>); 8] = [
        (&["--object_id", id], Box::new(|entry| entry["target"]["id"] == id)),
        (&["--actor", "0"], Box::new(|entry| entry["actor"]["uid"] == 0)),
        (&["--actor", "daemon"], Box::new(|entry| entry["actor"]["type"] == "daemon")),
        (&["--action", "vault.object.create"], Box::new(|entry| entry["action"] == "vault.object.create")),
        (&["--container", "a-test"], Box::new(|entry| entry["attributes"]["container_id"] == "a-test")),
        (&["--since", time], Box::new(|entry| entry["at"].as_str() >= Some(time))),
        (&["--until", time], Box::new(|entry| entry["at"].as_str() < Some(time))),
        (
            &["--actor", "user", "--action", "vault.object.inject", "--object_id", id],
            Box::new(|entry| entry["action"] == "vault.object.inject" && entry["target"]["id"] == id),
        ),
    ];
    for (args, admits) in cases {
        let expected: Vec<&Value> = all.iter().filter(|item| admits(&item["entry"])).collect();
        assert!(!expected.is_empty() && expected.len() < all.len(), "{args:?} shows nothing");
        assert_eq!(list(args).iter().collect::<Vec<_>>(), expected, "{args:?}");
    }
    assert!(list(&["--actor", "4711"]).is_empty());
    let refused = daemon.cli().run(&["audit", "list", "--actor", "somebody"], b"");
    assert!(refused.code() == 2 && refused.err().contains("--actor <WHO>: not an actor"), "{}", refused.err());
}

#[test]
fn a_log_that_is_followed_shows_what_is_added() {
    let folder = temporary_folder();
    let daemon = Daemon::start(folder.path());
    let mut command =
        daemon.cli().command(&["audit", "list", "--follow", "-o", "json", "--action", "vault.object.create"]);
    let mut following = command.stdout(Stdio::piped()).spawn().expect("ampoule");
    let mut lines = BufReader::new(following.stdout.take().expect("piped")).lines();
    let mut rpc = Rpc::new(&daemon.socket());
    for value in ["one", "two"] {
        let id = rpc.create(&json!({ "value": value }));
        let line: Value = serde_json::from_str(&lines.next().expect("a line").expect("text")).expect("JSON");
        assert_eq!(line["entry"]["target"]["id"], id);
    }
    following.kill().expect("killed");
    following.wait().expect("ended");
}
