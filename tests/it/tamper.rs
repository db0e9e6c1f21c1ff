//! Somebody edits the database while the daemon is stopped.

mod bytes;
mod history;
mod keys;
mod log;
mod pages;
mod rows;
mod schema;

use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::daemon::Daemon;
use crate::support::rig::temporary_folder;
use crate::support::rpc::{Rpc, RpcError};

/// A vault, and somebody who gets at its database.
struct Scene {
    daemon: Daemon,
    folder: TempDir,
}

impl Scene {
    fn new() -> Self {
        let folder = temporary_folder();
        Self { daemon: Daemon::start(folder.path()), folder }
    }

    fn rpc(&self) -> Rpc {
        Rpc::new(&self.daemon.socket())
    }

    /// The database while no daemon has it; foreign keys don't stop an attacker.
    fn stopped(&mut self) -> Connection {
        self.daemon.kill();
        let database = Connection::open(self.daemon.state().join("vault.db")).expect("database");
        database.pragma_update(None, "foreign_keys", false).expect("pragma");
        database
    }

    /// Stops the daemon, lets somebody edit the database, and starts the daemon again.
    fn edit(&mut self, edit: impl FnOnce(&Connection)) -> Rpc {
        edit(&self.stopped());
        self.daemon.launch();
        self.daemon.wait_ready();
        self.rpc()
    }
}

/// The error is about damage, names the secret, and doesn't show the value.
#[track_caller]
fn is_refused<T: std::fmt::Debug>(what: &str, result: Result<T, RpcError>, id: &str, value: &str) {
    match result {
        Ok(answer) => panic!("{what}: answered with {answer:?}"),
        Err(error) => {
            assert_eq!(error.code, "data_loss", "{what}: {error}");
            assert!(error.message.contains(id) && error.message.contains("backup"), "{what}: {error}");
            assert!(!error.message.contains(value), "{what}: {error}");
        }
    }
}

/// The actions about this secret that the log calls tampered, oldest first.
fn tampered(rpc: &mut Rpc, id: &str) -> Vec<String> {
    let (entries, _) = rpc.audit(0, id);
    let entries = entries.into_iter().filter(|entry| entry["attributes"]["outcome"] == "tampered");
    entries.map(|entry| entry["action"].as_str().expect("action").to_owned()).collect()
}

/// A new value for a secret.
fn update(rpc: &mut Rpc, id: &str, value: &str) -> Result<Value, RpcError> {
    rpc.vault("UpdateObject", &json!({ "object_id": id, "new_value": value }))
}
