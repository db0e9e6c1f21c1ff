//! The audit log: what it tells, how it is exported, and how anybody can check it.

mod crash;
mod edits;
mod export;
mod life;
mod list;
mod prove;
mod sink;
mod upgrade;

use std::fs;
use std::path::Path;

use nix::sys::signal::Signal;
use serde_json::json;

use crate::support::daemon::Daemon;
use crate::support::rpc::Rpc;

/// Gives a daemon's log at least so many entries, of all kinds.
fn fill(daemon: &Daemon, entries: u64) {
    let mut rpc = Rpc::new(&daemon.socket());
    let ids: Vec<String> =
        (0..8).map(|n| rpc.create(&json!({ "value": format!("v{n}"), "revealable": true }))).collect();
    loop {
        let wanted: Vec<(&str, &str)> = ids.iter().map(|id| (id.as_str(), "")).collect();
        rpc.resolve_all(&wanted).expect("resolved");
        rpc.describe(&ids[0]).expect("described");
        rpc.vault("UpdateObject", &json!({ "object_id": ids[1], "new_value": "w" })).expect("updated");
        if rpc.audit(entries, "").1 >= entries && !rpc.audit(entries - 1, "").0.is_empty() {
            break;
        }
    }
    rpc.vault("DeleteObject", &json!({ "object_id": ids[2] })).expect("deleted");
}

/// Stops it as a service manager does, so that the last checkpoint covers everything.
fn stop(daemon: &mut Daemon) {
    daemon.signal(Signal::SIGTERM);
    daemon.wait_stopped();
}

fn written(path: &Path, text: &str) -> String {
    fs::write(path, text).expect("written");
    path.to_str().expect("UTF-8").to_owned()
}
