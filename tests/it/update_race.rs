//! Many clients update one secret at once, each only if the version is the one that all of them saw.

use std::collections::BTreeMap;
use std::sync::Barrier;
use std::thread;

use serde_json::{Value, json};

use crate::support::daemon::Daemon;
use crate::support::rig::temporary_folder;
use crate::support::rpc::{Rpc, RpcError};

const CLIENTS: usize = 32;
const ROUNDS: u64 = 500;

/// One of them wins each round; the others hear that they are late, and nothing of them remains.
#[test]
fn one_conditional_update_of_many_wins() {
    let folder = temporary_folder();
    let daemon = Daemon::start(folder.path());
    let mut clients: Vec<Rpc> = (0..CLIENTS).map(|_| Rpc::new(&daemon.socket())).collect();
    let mut reader = Rpc::new(&daemon.socket());
    let id = reader.create(&json!({ "value": "the first", "revealable": true }));
    for round in 1..=ROUNDS {
        let results = update_at_once(&mut clients, &id, round);
        let winner = the_winner(&results, &id, round);
        let found = reader.describe(&id).expect("described");
        assert_eq!(found["value"], value(round, winner), "round {round}");
        assert_eq!(found["metadata"]["version"], (round + 1).to_string(), "round {round}");
    }
    let logged = updates_by_version(&reader.audit(0, &id).0);
    let expected = (1..=ROUNDS).flat_map(|round| {
        let (won, late) = ((round + 1, "ok".to_owned()), (round, "version_mismatch".to_owned()));
        [(won, 1), (late, CLIENTS - 1)]
    });
    assert_eq!(logged, expected.collect(), "the log has other updates than those that were made");
}

fn update_at_once(clients: &mut [Rpc], id: &str, seen: u64) -> Vec<Result<Value, RpcError>> {
    let start = Barrier::new(clients.len());
    thread::scope(|scope| {
        let update = |(client, rpc): (usize, &mut Rpc)| {
            let request = json!({
                "object_id": id, "new_value": value(seen, client), "if_version_matches": seen.to_string()
            });
            start.wait();
            rpc.vault("UpdateObject", &request)
        };
        let threads: Vec<_> =
            clients.iter_mut().enumerate().map(|client| scope.spawn(move || update(client))).collect();
        threads.into_iter().map(|thread| thread.join().expect("client")).collect()
    })
}

fn the_winner(results: &[Result<Value, RpcError>], id: &str, seen: u64) -> usize {
    let winners: Vec<usize> = (0..results.len()).filter(|&client| results[client].is_ok()).collect();
    assert_eq!(winners.len(), 1, "round {seen}: clients {winners:?} won");
    for error in results.iter().filter_map(|result| result.as_ref().err()) {
        assert_eq!(error.code, "failed_precondition", "round {seen}: {error}");
        assert!(error.message.contains(id), "round {seen}: {error}");
    }
    winners[0]
}

fn value(round: u64, client: usize) -> String {
    format!("round {round}, client {client}")
}

/// How many updates the log has of each version and outcome.
fn updates_by_version(entries: &[Value]) -> BTreeMap<(u64, String), usize> {
    let mut counts = BTreeMap::new();
    for entry in entries.iter().filter(|entry| entry["action"] == "vault.object.update") {
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let version = text(&entry["target"]["version"]).parse().expect("a version");
        *counts.entry((version, text(&entry["attributes"]["outcome"]))).or_default() += 1;
    }
    counts
}
