//! The tables, and how an older database becomes a current one.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use super::convert::store_error;
use super::tree;
use crate::store::StoreError;

/// What brings the schema from one version to the next.
struct Step {
    sql: &'static str,
    /// What SQL alone can't do.
    fill: fn(&Connection) -> rusqlite::Result<()>,
}

/// A step that has been released is never edited.
const MIGRATIONS: [Step; 9] = [
    Step { sql: include_str!("migrations/001.sql"), fill: |_| Ok(()) },
    Step { sql: include_str!("migrations/002.sql"), fill: tree::build },
    Step { sql: include_str!("migrations/003.sql"), fill: |_| Ok(()) },
    // What it needs beside this is checked and filled in with the vault's keys: see `state::attest`.
    Step { sql: include_str!("migrations/004.sql"), fill: |_| Ok(()) },
    Step { sql: include_str!("migrations/005.sql"), fill: |_| Ok(()) },
    Step { sql: include_str!("migrations/006.sql"), fill: |_| Ok(()) },
    Step { sql: include_str!("migrations/007.sql"), fill: |_| Ok(()) },
    Step { sql: include_str!("migrations/008.sql"), fill: |_| Ok(()) },
    Step { sql: include_str!("migrations/009.sql"), fill: |_| Ok(()) },
];

/// How long a statement waits for another process.
pub(super) const BUSY: Duration = Duration::from_secs(5);

/// What every connection needs.
pub(super) fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    // What the file brings along is not ours until `check` has seen it.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    // What is sorted doesn't spill into files elsewhere.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    // A destroyed key must not stay behind in a free page.
    connection.pragma_update(None, "secure_delete", true)?;
    // Without it a cached statement that may use a partial index is compiled anew for every value bound to it.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(64);
    connection.busy_timeout(BUSY)
}

/// Brings the schema up to date, one transaction a step. It must have been one of ours before: a trigger is code that the
/// database would run with each statement.
pub(super) fn migrate(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let failed = |error| store_error(path, &error);
    let found = check(connection, path)?;
    for (version, step) in (1..).zip(MIGRATIONS).filter(|(version, _)| *version > found) {
        let tx = connection.transaction().map_err(failed)?;
        tx.execute_batch(step.sql).and_then(|()| (step.fill)(&tx)).map_err(failed)?;
        tx.pragma_update(None, "user_version", version).map_err(failed)?;
        tx.commit().map_err(failed)?;
    }
    Ok(())
}

/// The version of the schema, every table, index and trigger of which must be as the steps up to there make it.
pub(super) fn check(connection: &Connection, path: &Path) -> Result<u32, StoreError> {
    let failed = |error| store_error(path, &error);
    let found: u32 = connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(failed)?;
    let known = u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX);
    if found > known {
        return Err(StoreError::Newer { path: path.to_owned(), found, known });
    }
    let there = objects(connection).map_err(failed)?;
    let expected = of_version(found).map_err(failed)?;
    let names = there.keys().chain(expected.keys());
    let odd = names.into_iter().find(|name| there.get(*name) != expected.get(*name));
    let Some(name) = odd else { return Ok(found) };
    let what = match (there.get(name), expected.contains_key(name)) {
        (Some(object), true) => format!("the {} {name} was altered", object.kind),
        (Some(object), false) => format!("the {} {name} does not belong there", object.kind),
        (None, _) => format!("{name} is missing"),
    };
    Err(StoreError::Schema { path: path.to_owned(), what })
}

/// A table, index, trigger or view.
#[derive(PartialEq, Eq)]
struct Object {
    kind: String,
    table: String,
    sql: Option<String>,
}

fn objects(connection: &Connection) -> rusqlite::Result<BTreeMap<String, Object>> {
    let mut statement = connection.prepare("SELECT name, type, tbl_name, sql FROM sqlite_schema ORDER BY rowid")?;
    let rows = statement
        .query_map([], |row| Ok((row.get(0)?, Object { kind: row.get(1)?, table: row.get(2)?, sql: row.get(3)? })))?;
    let mut objects = BTreeMap::new();
    for row in rows {
        let (name, object): (String, Object) = row?;
        // A second one of that name: whichever it is, one of them isn't ours.
        if let Some(first) = objects.insert(name.clone(), object) {
            objects.insert(format!("{name} (twice)"), first);
        }
    }
    Ok(objects)
}

/// What the steps up to a version make.
fn of_version(version: u32) -> rusqlite::Result<BTreeMap<String, Object>> {
    let connection = Connection::open_in_memory()?;
    for (_, step) in (1..=version).zip(MIGRATIONS) {
        connection.execute_batch(step.sql)?;
    }
    objects(&connection)
}
