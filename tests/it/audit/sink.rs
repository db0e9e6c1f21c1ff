//! Forwarding the log to a file.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::{fill, stop};
use crate::support::daemon::Daemon;
use crate::support::process::wait_until;
use crate::support::rig::temporary_folder;
use crate::support::rpc::Rpc;

/// A daemon that has not been started, and forwards to a file.
fn forwarding(folder: &Path, sink: &Path) -> Daemon {
    let settings = format!("audit: {{sink: {{file: {}}}}}\n", sink.display());
    fs::write(folder.join("ampoule.yaml"), settings).expect("written");
    Daemon::stopped(folder)
}

fn start(daemon: &mut Daemon) {
    daemon.launch();
    daemon.wait_ready();
}

/// The entries and the checkpoints in a sink; each line whole.
fn read(sink: &Path) -> (BTreeMap<u64, Value>, Vec<Value>) {
    let (mut entries, mut checkpoints) = (BTreeMap::new(), Vec::new());
    for line in fs::read_to_string(sink).unwrap_or_default().lines() {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        match line["index"].as_u64() {
            Some(index) => assert!(entries.insert(index, line["entry"].clone()).is_none_or(|e| e == line["entry"])),
            None => checkpoints.push(line),
        }
    }
    (entries, checkpoints)
}

#[test]
fn a_sink_gets_every_entry_and_checkpoint_across_restarts() {
    let folder = temporary_folder();
    let sink = folder.path().join("sink.jsonl");
    let mut daemon = forwarding(folder.path(), &sink);
    start(&mut daemon);
    fill(&daemon, 100);
    stop(&mut daemon);
    let before = fs::read_to_string(&sink).expect("a sink");
    assert!(before.lines().nth_back(1).is_some_and(|line| line.contains("daemon.stop")), "{before}");
    start(&mut daemon);
    fill(&daemon, 300);
    daemon.kill();
    start(&mut daemon);
    let all = daemon.cli().audit();
    wait_until("the sink has everything", || read(&sink).0.len() >= all.len());
    let (entries, _) = read(&sink);
    assert!(fs::read_to_string(&sink).expect("a sink").starts_with(&before));
    assert_eq!(entries.into_values().take(all.len()).collect::<Vec<_>>(), all);
    let newest = daemon.cli().run(&["audit", "checkpoint"], b"").ok().out();
    wait_until("the sink has the checkpoint", || read(&sink).1.iter().any(|line| line["checkpoint"] == newest));
}

#[test]
fn a_sink_that_fails_keeps_nobody_waiting_and_gets_everything_later() {
    let folder = temporary_folder();
    let sink = folder.path().join("later").join("sink.jsonl");
    fs::create_dir_all(&sink).expect("a folder in its place");
    let mut daemon = forwarding(folder.path(), &sink);
    start(&mut daemon);
    let id = Rpc::new(&daemon.socket()).create(&json!({ "value": "v" }));
    wait_until("the log says so", || daemon.log_text().contains("the audit sink can't be written"));
    assert_eq!(Rpc::new(&daemon.socket()).resolve(&id).as_deref(), Ok("v"));
    fs::remove_dir(&sink).expect("removed");
    let all = daemon.cli().audit();
    wait_until("the sink has everything", || read(&sink).0.len() >= all.len());
    wait_until("the log says so", || daemon.log_text().contains("the audit sink is written again"));
}
