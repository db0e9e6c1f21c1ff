//! `kill -9` of a daemon that records.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use serde_json::{Value, json};

use crate::support::daemon::Daemon;
use crate::support::log::check;
use crate::support::process::wait_until;
use crate::support::random::{random_below, random_time};
use crate::support::rig::temporary_folder;
use crate::support::rpc::Rpc;

const KILLS: usize = 50;
const ENTRIES: u64 = 10_000;
const CALLERS: usize = 8;
const REFERENCES: usize = 5;

#[test]
fn kill_9_leaves_a_whole_log_that_has_every_answered_access() {
    let folder = temporary_folder();
    let mut daemon = Daemon::start(folder.path());
    let id = Rpc::new(&daemon.socket()).create(&json!({ "value": "v" }));
    let (mut next, mut answered) = (0, 0);
    for round in 0..KILLS {
        let calls = calls_until_killed(&mut daemon, &id, round);
        let whole =
            check(&daemon.state().join("vault.db")).unwrap_or_else(|error| panic!("after kill {round}: {error}"));
        assert!(whole.entries > next, "nothing was recorded before kill {round}");
        daemon.launch();
        daemon.wait_ready();
        let (entries, size) = Rpc::new(&daemon.socket()).audit(next, "");
        next = size;
        let logged: BTreeSet<&str> = entries.iter().filter_map(container).collect();
        for call in &calls {
            assert!(logged.contains(call.as_str()), "answered before kill {round}, but not in the log: {call}");
        }
        answered += calls.len();
    }
    assert!(next >= ENTRIES, "only {next} entries");
    assert!(answered > KILLS * 10, "too few answers to show anything: {answered}");
}

/// Resolves from several sides until the daemon is killed; which calls were answered.
fn calls_until_killed(daemon: &mut Daemon, id: &str, round: usize) -> Vec<String> {
    let entries = usize::try_from(ENTRIES).expect("small") / KILLS;
    let enough = entries / REFERENCES + random_below(20) as usize;
    let count = &AtomicUsize::new(0);
    thread::scope(|scope| {
        let callers: Vec<_> = (0..CALLERS)
            .map(|caller| {
                let mut rpc = Rpc::new(&daemon.socket());
                scope.spawn(move || call_until_gone(&mut rpc, id, &format!("c-{round}-{caller}"), count))
            })
            .collect();
        wait_until("the callers were answered", || count.load(Ordering::Relaxed) >= enough);
        thread::sleep(random_time(0..3));
        daemon.kill();
        callers.into_iter().flat_map(|caller| caller.join().expect("a caller")).collect()
    })
}

fn call_until_gone(rpc: &mut Rpc, id: &str, name: &str, count: &AtomicUsize) -> Vec<String> {
    let mut answered = Vec::new();
    loop {
        let container = format!("{name}-{}", answered.len());
        let reference = |n: usize| json!({ "name": format!("V{n}"), "object_id": id });
        let references: Vec<Value> = (0..REFERENCES).map(reference).collect();
        let request = json!({ "container": { "id": container }, "references": references });
        match rpc.try_call("ampoule.v1.InjectionService/Resolve", &request) {
            Ok(answer) => answer.map_or_else(|error| panic!("{error}"), drop),
            Err(_) => return answered,
        }
        answered.push(container);
        count.fetch_add(1, Ordering::Relaxed);
    }
}

fn container(entry: &Value) -> Option<&str> {
    entry["attributes"]["container_id"].as_str()
}
