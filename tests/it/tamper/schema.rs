//! Tables, indexes and triggers: what the database itself would do with each statement.

use rusqlite::Connection;
use serde_json::json;

use super::Scene;
use crate::support::log::check;
use crate::support::process;

const LOST: &str = "CREATE TRIGGER audit_no_replace BEFORE INSERT ON audit
    WHEN CAST(NEW.entry AS TEXT) LIKE '%vault.object.inject%' BEGIN SELECT RAISE (IGNORE); END";

/// What is done, and what both the start and `audit verify` say of it.
const EDITS: [(&str, &str); 8] = [
    ("DROP TRIGGER audit_no_replace; LOST", "the trigger audit_no_replace was altered"),
    ("CREATE VIEW sight AS SELECT 1", "the view sight does not belong there"),
    (
        "CREATE TABLE aside (a, b); CREATE TRIGGER keep BEFORE UPDATE ON versions
        WHEN NEW.wrapped_dek IS NULL BEGIN INSERT INTO aside VALUES (OLD.wrapped_dek, OLD.ciphertext); END",
        "the table aside does not belong there",
    ),
    (
        "CREATE TRIGGER keep BEFORE UPDATE ON versions WHEN NEW.wrapped_dek IS NULL BEGIN SELECT RAISE (IGNORE); END",
        "the trigger keep does not belong there",
    ),
    ("DROP TRIGGER audit_no_delete", "audit_no_delete is missing"),
    ("DROP INDEX audit_object", "audit_object is missing"),
    ("CREATE INDEX more ON audit (at)", "the index more does not belong there"),
    ("ALTER TABLE objects ADD COLUMN more TEXT", "the table objects was altered"),
];

#[test]
fn another_schema_is_refused() {
    for (edit, told) in EDITS {
        let mut scene = Scene::new();
        scene.rpc().create(&json!({ "value": "alpha" }));
        scene.stopped().execute_batch(&edit.replace("LOST", LOST)).expect(edit);
        let found = check(&scene.daemon.state().join("vault.db")).expect_err(edit).to_string();
        assert!(found.contains(told), "{edit}: {found}");
        let ran = process::run(&mut scene.daemon.command(), b"");
        assert!(ran.code() == 1 && ran.err().contains(told), "{edit}: {}", ran.err());
        assert!(ran.err().contains("backup"), "{edit}: {}", ran.err());
    }
}

/// An index can be made so that it hides a row, and be given back the text that it had: its content tells.
#[test]
fn an_index_that_hides_a_row_is_found() {
    let mut scene = Scene::new();
    scene.rpc().create(&json!({ "value": "alpha" }));
    scene
        .stopped()
        .execute_batch(
            "CREATE TEMP TABLE kept AS SELECT sql FROM sqlite_schema WHERE name = 'audit_object';
            DROP INDEX audit_object;
            CREATE INDEX audit_object ON audit (object_id, idx) WHERE object_id IS NOT NULL AND idx < 2;
            PRAGMA writable_schema = 1;
            UPDATE sqlite_schema SET sql = (SELECT sql FROM kept) WHERE name = 'audit_object';
            PRAGMA writable_schema = 0",
        )
        .expect("edited");
    let found = check(&scene.daemon.state().join("vault.db")).expect_err("not whole").to_string();
    assert!(found.contains("missing from index audit_object"), "{found}");
}

/// Even beside the running daemon: where an entry isn't written, nothing is opened, and nothing is said to be done.
#[test]
fn a_trigger_that_swallows_a_row_is_noticed() {
    let scene = Scene::new();
    let mut rpc = scene.rpc();
    let id = rpc.create(&json!({ "value": "alpha" }));
    let database = Connection::open(scene.daemon.state().join("vault.db")).expect("database");
    database.execute_batch(&format!("DROP TRIGGER audit_no_replace; {LOST}")).expect("edited");
    let refused = rpc.resolve(&id).expect_err("its entry is not there");
    assert!(refused.code == "data_loss" && refused.message.contains("vault.db"), "{refused}");
    for (swallowed, method, request) in [
        ("INSERT ON versions", "UpdateObject", json!({ "object_id": id, "new_value": "beta" })),
        ("UPDATE ON objects", "DeleteObject", json!({ "object_id": id })),
        ("UPDATE ON versions", "DeleteObject", json!({ "object_id": id })),
    ] {
        let swallow = format!("CREATE TRIGGER swallow BEFORE {swallowed} BEGIN SELECT RAISE (IGNORE); END");
        database.execute_batch(&swallow).expect("edited");
        let refused = rpc.vault(method, &request).expect_err(swallowed);
        assert!(refused.code == "data_loss", "{swallowed}: {refused}");
        database.execute_batch("DROP TRIGGER swallow").expect("edited");
    }
    rpc.vault("DeleteObject", &json!({ "object_id": id })).expect("deleted");
}
