//! The tables, and how an older database becomes a current one.

use std::path::Path;

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
const MIGRATIONS: [Step; 3] = [
    Step { sql: include_str!("migrations/001.sql"), fill: |_| Ok(()) },
    Step { sql: include_str!("migrations/002.sql"), fill: tree::build },
    Step { sql: include_str!("migrations/003.sql"), fill: |_| Ok(()) },
];

/// What every connection needs.
pub(super) fn prepare(connection: &Connection) -> rusqlite::Result<()> {
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
    connection.busy_timeout(std::time::Duration::from_secs(5))
}

/// Brings the schema up to date, one transaction a step.
pub(super) fn migrate(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let failed = |error| store_error(path, &error);
    let found: u32 = connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(failed)?;
    let known = u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX);
    if found > known {
        return Err(StoreError::Newer { path: path.to_owned(), found, known });
    }
    for (version, step) in (1..).zip(MIGRATIONS).filter(|(version, _)| *version > found) {
        let tx = connection.transaction().map_err(failed)?;
        tx.execute_batch(step.sql).and_then(|()| (step.fill)(&tx)).map_err(failed)?;
        tx.pragma_update(None, "user_version", version).map_err(failed)?;
        tx.commit().map_err(failed)?;
    }
    Ok(())
}
