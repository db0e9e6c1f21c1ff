//! The log in the database.

use rusqlite::Connection;
use serde_json::json;

use super::Scene;

/// Statements by which an entry would be changed, removed, replaced or slipped in.
const ATTEMPTS: [&str; 9] = [
    "UPDATE audit SET entry = x'7b7d' WHERE idx = 1",
    "UPDATE OR REPLACE audit SET version = 7",
    "UPDATE audit SET idx = idx + 100",
    "DELETE FROM audit WHERE idx = 1",
    "DELETE FROM audit",
    "INSERT OR REPLACE INTO audit (idx, at, entry) VALUES (1, 0, x'7b7d')",
    "INSERT INTO audit (idx, at, entry) VALUES (1, 0, x'7b7d') ON CONFLICT (idx) DO UPDATE SET entry = excluded.entry",
    "INSERT INTO audit (idx, at, entry) VALUES (100, 0, x'7b7d')",
    "INSERT INTO audit (idx, at, entry) VALUES (-1, 0, x'7b7d')",
];

/// The database refuses to change its log, whoever asks by SQL.
#[test]
fn the_log_only_grows() {
    let mut scene = Scene::new();
    let mut rpc = scene.rpc();
    for value in ["alpha", "beta", "gamma"] {
        rpc.create(&json!({ "value": value }));
    }
    let database = scene.stopped();
    let before = entries(&database);
    // The vault's three keys, the start, and the three secrets.
    assert_eq!(before.len(), 7);
    for statement in ATTEMPTS {
        let refused = database.execute(statement, []).expect_err(statement).to_string();
        assert!(refused.contains("the audit log is append-only"), "{statement}: {refused}");
    }
    assert!(entries(&database) == before, "the log has changed");
}

fn entries(database: &Connection) -> Vec<(i64, Vec<u8>)> {
    let mut statement = database.prepare("SELECT idx, entry FROM audit ORDER BY idx").expect("statement");
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("rows");
    rows.collect::<Result<_, _>>().expect("rows")
}
