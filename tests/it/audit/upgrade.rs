//! A vault that is older than what vouches for its log, or than the tree.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rusqlite::Connection;
use serde_json::json;

use super::stop;
use crate::support::daemon::Daemon;
use crate::support::log::{check, unlocked};
use crate::support::process;
use crate::support::rig::temporary_folder;
use crate::support::rpc::Rpc;

/// A vault of schema 3, as its daemon left it: one secret at its second version, one deleted.
const VAULT: &str = include_str!("../../../fixtures/database/schema-3/vault.sql");
const KEY: &str = include_str!("../../../fixtures/database/schema-3/root.key");
const LIVING: &str = "sec_tnr4iib2wyiwyd7ed5bn";
const DELETED: &str = "sec_xlql6y34rukwzfjg2wgy";

/// What makes it one of schema 1.
const BEFORE_THE_TREE: &str = "DROP TABLE tree_nodes; DROP TABLE checkpoints; DROP TABLE audit_keys; \
    DROP TABLE tokens; PRAGMA user_version = 1;";

fn older(folder: &Path) -> Daemon {
    let daemon = Daemon::stopped(folder);
    fs::create_dir_all(daemon.state()).expect("a folder");
    fs::write(daemon.state().join("root.key"), KEY).expect("written");
    fs::set_permissions(daemon.state().join("root.key"), Permissions::from_mode(0o400)).expect("mode");
    let database = Connection::open(daemon.state().join("vault.db")).expect("a database");
    database.execute_batch(VAULT).expect("a vault");
    daemon
}

/// Its secrets are as they were, and from now on its log is vouched for.
#[test]
fn an_older_vault_is_taken_over_once() {
    for before in ["", BEFORE_THE_TREE] {
        let folder = temporary_folder();
        let mut daemon = older(folder.path());
        let database = daemon.state().join("vault.db");
        unlocked(&database).execute_batch(before).expect("as it was before");
        for _ in 0..2 {
            daemon.launch();
            daemon.wait_ready();
            let mut rpc = Rpc::new(&daemon.socket());
            assert_eq!(rpc.resolve(LIVING).as_deref(), Ok("the second value"));
            let deleted = rpc.resolve(DELETED).expect_err("deleted");
            assert!(deleted.code == "failed_precondition" && deleted.message.contains("was deleted at"), "{deleted}");
            stop(&mut daemon);
            let whole = check(&database).expect("whole");
            assert_eq!(whole.signed, whole.entries);
        }
        let rows = "SELECT hex(substr(wrapped, 1, 1)), (SELECT count(*) FROM log_state) FROM keks";
        let found = Connection::open(&database)
            .and_then(|db| db.query_row(rows, [], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?))));
        assert_eq!(found.expect("keys"), ("02".to_owned(), 1));
        unlocked(&database).execute_batch("DELETE FROM log_state").expect("edited");
        assert_eq!(process::run(&mut daemon.command(), b"").code(), 1, "taken over a second time");
    }
}

/// Nothing vouches for its log yet but its checkpoints: that is checked before anything is.
#[test]
fn an_older_vault_that_was_altered_is_not_taken_over() {
    for (edit, told) in [
        (
            "UPDATE audit SET entry = CAST(replace(entry, '\"uid\":0', '\"uid\":1') AS BLOB) WHERE idx = 5",
            "are not those of the last checkpoint",
        ),
        ("DELETE FROM audit WHERE idx > 5", "last checkpoint"),
        ("CREATE TRIGGER more AFTER INSERT ON audit BEGIN SELECT 1; END", "the trigger more does not belong there"),
    ] {
        let folder = temporary_folder();
        let daemon = older(folder.path());
        unlocked(&daemon.state().join("vault.db")).execute_batch(edit).expect("edited");
        let ran = process::run(&mut daemon.command(), b"");
        assert!(ran.code() == 1 && ran.err().contains(told), "{edit}: {}", ran.err());
    }
}

/// The columns of an older log may lie too: what was done last is taken from its entries.
#[test]
fn what_was_done_last_is_taken_from_the_entries() {
    let folder = temporary_folder();
    let mut daemon = older(folder.path());
    let hide = format!(
        "UPDATE audit SET mutation = NULL WHERE mutation <> 'create';
        UPDATE objects SET deleted_at = NULL WHERE object_id = '{DELETED}';
        UPDATE versions SET (wrapped_dek, ciphertext) =
        (SELECT wrapped_dek, ciphertext FROM versions WHERE object_id = '{LIVING}') WHERE object_id = '{DELETED}';
        UPDATE objects SET current = 1 WHERE object_id = '{LIVING}'"
    );
    unlocked(&daemon.state().join("vault.db")).execute_batch(&hide).expect("edited");
    daemon.launch();
    daemon.wait_ready();
    let mut rpc = Rpc::new(&daemon.socket());
    for id in [LIVING, DELETED] {
        assert_eq!(rpc.resolve(id).expect_err("altered").code, "data_loss");
    }
    rpc.vault("ListObjects", &json!({})).expect("listed");
}
