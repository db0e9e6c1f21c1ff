//! Rows of the inventory, as their type.

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};

use super::convert::{bad, number, parsed, time};
use super::state::one;
use crate::domain::{Container, Held, Injection, Process, RequestId, Version};

const COLUMNS: &str = "injection, at, actor, container, holds, boot, pid, started, namespace";

/// A container as it lies in the row.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    id: String,
    bundle: String,
    engine: String,
    image: String,
    pid: i32,
    runtime: String,
    name: String,
    host: String,
}

/// Every row, oldest first.
pub(super) fn all(tx: &Connection) -> rusqlite::Result<Vec<Injection>> {
    tx.prepare_cached(&format!("SELECT {COLUMNS} FROM injections ORDER BY at, injection"))?
        .query_map([], read)?
        .collect()
}

/// The row of this injection.
pub(super) fn find(tx: &Connection, id: RequestId) -> rusqlite::Result<Option<Injection>> {
    tx.prepare_cached(&format!("SELECT {COLUMNS} FROM injections WHERE injection = ?1"))?
        .query_row([id.to_string()], read)
        .optional()
}

pub(super) fn insert(tx: &Connection, injection: &Injection) -> rusqlite::Result<()> {
    let init = injection.init;
    tx.prepare_cached(&format!("INSERT INTO injections ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"))?
        .execute(params![
            injection.id.to_string(),
            injection.at.as_microsecond(),
            injection.actor.to_string(),
            container_text(&injection.container),
            holds_text(&injection.holds),
            injection.boot,
            init.map(|init| init.pid),
            init.map(|init| init.started),
            init.map(|init| init.namespace),
        ])
        .and_then(one)
}

pub(super) fn confirm(tx: &Connection, id: RequestId, init: Process) -> rusqlite::Result<()> {
    tx.prepare_cached("UPDATE injections SET pid = ?2, started = ?3, namespace = ?4 WHERE injection = ?1")?
        .execute(params![id.to_string(), init.pid, init.started, init.namespace])
        .and_then(one)
}

pub(super) fn remove(tx: &Connection, id: RequestId) -> rusqlite::Result<()> {
    tx.prepare_cached("DELETE FROM injections WHERE injection = ?1")?.execute([id.to_string()]).and_then(one)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Injection> {
    Ok(Injection {
        id: parsed(row, 0)?,
        at: time(row, 1)?,
        actor: parsed(row, 2)?,
        container: container(row, 3)?,
        holds: holds(row, 4)?,
        boot: row.get(5)?,
        init: init(row)?,
    })
}

fn init(row: &Row<'_>) -> rusqlite::Result<Option<Process>> {
    let Some(pid) = row.get(6)? else { return Ok(None) };
    Ok(Some(Process { pid, started: row.get(7)?, namespace: row.get(8)? }))
}

fn container_text(container: &Container) -> String {
    let Container { id, bundle, engine, image, pid, runtime, name, host } = container.clone();
    serde_json::json!(Stored { id, bundle, engine, image, pid, runtime, name, host }).to_string()
}

fn container(row: &Row<'_>, column: usize) -> rusqlite::Result<Container> {
    let stored = serde_json::from_str(&row.get::<_, String>(column)?).map_err(|e| bad(column, e))?;
    let Stored { id, bundle, engine, image, pid, runtime, name, host } = stored;
    Ok(Container { id, bundle, engine, image, pid, runtime, name, host })
}

fn holds_text(holds: &[Held]) -> String {
    let rows: Vec<(&str, &str, i64)> =
        holds.iter().map(|held| (held.name.as_str(), held.object.as_str(), number(held.version))).collect();
    serde_json::json!(rows).to_string()
}

fn holds(row: &Row<'_>, column: usize) -> rusqlite::Result<Vec<Held>> {
    let rows: Vec<(String, String, u64)> =
        serde_json::from_str(&row.get::<_, String>(column)?).map_err(|e| bad(column, e))?;
    let held = |(name, object, version): (String, String, u64)| {
        let version = Version::new(version).ok_or(rusqlite::Error::IntegralValueOutOfRange(column, 0))?;
        Ok(Held { name, object: object.parse().map_err(|e| bad(column, e))?, version })
    };
    rows.into_iter().map(held).collect()
}
