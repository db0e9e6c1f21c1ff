//! The keys in the database.

use serde_json::json;

use super::Scene;
use crate::support::process;

/// What is done, and what the daemon says about it.
const EDITS: [(&str, &str); 10] = [
    ("UPDATE keks SET wrapped = zeroblob(length(wrapped))", "Restore the database from a backup."),
    ("UPDATE keks SET wrapped = substr(wrapped, 1, length(wrapped) - 1)", "Restore the database from a backup."),
    ("UPDATE keks SET kek_id = randomblob(16)", "Restore the database from a backup."),
    ("UPDATE keks SET state = 'deactivated'", "Restore the database from a backup."),
    ("DELETE FROM keks", "Restore the database from a backup."),
    ("UPDATE root_wraps SET wrapped = zeroblob(length(wrapped))", "Give the key that the vault was made with."),
    ("UPDATE root_wraps SET provider = 'passphrase'", "Set root_key to that one."),
    ("DELETE FROM root_wraps", "Restore the database from a backup."),
    ("DELETE FROM root_wraps; DELETE FROM keks", "Restore the database from a backup."),
    ("UPDATE meta SET value = 'tenant_' || hex(zeroblob(16))", "Give the key that the vault was made with."),
];

/// A daemon without its keys doesn't start, and says what to do.
#[test]
fn altered_keys_are_refused_at_the_start() {
    for (edit, remedy) in EDITS {
        let mut scene = Scene::new();
        scene.rpc().create(&json!({ "value": "alpha" }));
        scene.stopped().execute_batch(edit).expect("edited");
        let ran = process::run(&mut scene.daemon.command(), b"");
        assert_eq!(ran.code(), 1, "{edit}: {}", ran.err());
        assert!(ran.err().contains(remedy) && !ran.err().contains("panicked"), "{edit}: {}", ran.err());
    }
}
