//! Changes of secrets, as the log and the database tell of them.

use std::path::Path;

use rusqlite::Connection;
use serde_json::Value;

/// A secret was changed: what the database and the log must both say, once.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Change {
    pub(super) id: String,
    pub(super) version: usize,
    pub(super) action: String,
}

impl Change {
    pub(super) fn new(id: &str, version: usize, action: &str) -> Self {
        Self { id: id.to_owned(), version, action: format!("vault.object.{action}") }
    }

    /// The change that an entry of the log stands for, if it stands for one.
    pub(super) fn of_entry(entry: &Value) -> Option<Self> {
        let action = entry["action"].as_str().expect("action");
        let changes = ["vault.object.create", "vault.object.update", "vault.object.delete"].contains(&action);
        if !changes || entry["attributes"]["outcome"] != "ok" {
            return None;
        }
        let target = |key: &str| entry["target"][key].as_str().expect("target");
        let version = target("version").parse().expect("version");
        Some(Self { id: target("id").to_owned(), version, action: action.to_owned() })
    }
}

/// Each row of the database is accounted for by one entry of the log, and each entry by one row.
pub(super) fn each_row_has_its_entry(database: &Path) {
    let database = Connection::open(database).expect("database");
    let integrity: String = database.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("check");
    assert_eq!(integrity, "ok");
    let mut rows = changes(&database, "SELECT object_id, version FROM versions WHERE version = 1", "create");
    rows.extend(changes(&database, "SELECT object_id, version FROM versions WHERE version > 1", "update"));
    rows.extend(changes(&database, "SELECT object_id, current FROM objects WHERE deleted_at IS NOT NULL", "delete"));
    rows.sort();
    let mut statement = database.prepare("SELECT entry FROM audit").expect("statement");
    let entries = statement.query_map([], |row| row.get::<_, Vec<u8>>(0)).expect("entries");
    let parse = |entry: Result<Vec<u8>, _>| serde_json::from_slice::<Value>(&entry.expect("entry")).expect("JSON");
    let mut logged: Vec<Change> = entries.map(parse).filter_map(|entry| Change::of_entry(&entry)).collect();
    logged.sort();
    assert!(rows == logged, "{} changes in the tables, {} in the log, or others", rows.len(), logged.len());
}

fn changes(database: &Connection, query: &str, action: &str) -> Vec<Change> {
    let mut statement = database.prepare(query).expect("statement");
    let change = |row: &rusqlite::Row<'_>| Ok(Change::new(&row.get::<_, String>(0)?, row.get(1)?, action));
    statement.query_map([], change).expect("rows").collect::<Result<_, _>>().expect("rows")
}
