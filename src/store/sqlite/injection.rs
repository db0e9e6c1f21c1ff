//! Rows of the inventory, as their type. What was injected is read from the entries of the log that a row names.

use std::borrow::Cow;

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::Deserialize;

use super::convert::{bad, time};
use super::state::one;
use crate::domain::{ActorId, Container, Held, Injection, Process, RequestId, Timestamp, Version};

const COLUMNS: &str = "injection, at, entry, entries, name, host, boot, pid, started, namespace";

/// What is written of an injection when the values are given away.
pub(super) struct New<'a> {
    pub(super) id: RequestId,
    pub(super) at: Timestamp,
    /// Where in the log it is told, and by how many entries.
    pub(super) entry: u64,
    pub(super) entries: u64,
    pub(super) container: &'a Container,
    pub(super) boot: &'a str,
}

/// The rows after this one, so many at most, in an order that is theirs alone.
pub(super) fn after(tx: &Connection, last: Option<RequestId>, most: u32) -> rusqlite::Result<Vec<Injection>> {
    let condition = if last.is_some() { "injection > ?1" } else { "?1 IS NULL" };
    let sql = format!("SELECT {COLUMNS} FROM injections WHERE {condition} ORDER BY injection LIMIT ?2");
    let rows: Vec<Noted> =
        tx.prepare_cached(&sql)?.query_map(params![last.map(key), most], noted)?.collect::<Result<_, _>>()?;
    rows.into_iter().map(|row| row.told(tx)).collect()
}

/// The row of this injection.
pub(super) fn find(tx: &Connection, id: RequestId) -> rusqlite::Result<Option<Injection>> {
    let found = tx
        .prepare_cached(&format!("SELECT {COLUMNS} FROM injections WHERE injection = ?1"))?
        .query_row([key(id)], noted)
        .optional()?;
    found.map(|row| row.told(tx)).transpose()
}

pub(super) fn insert(tx: &Connection, new: &New<'_>) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "INSERT INTO injections (injection, at, entry, entries, name, host, boot) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        key(new.id),
        new.at.as_microsecond(),
        new.entry,
        new.entries,
        new.container.name,
        new.container.host,
        new.boot
    ])
    .and_then(one)
}

pub(super) fn confirm(tx: &Connection, id: RequestId, init: Process) -> rusqlite::Result<()> {
    tx.prepare_cached("UPDATE injections SET pid = ?2, started = ?3, namespace = ?4 WHERE injection = ?1")?
        .execute(params![key(id), init.pid, init.started, init.namespace])
        .and_then(one)
}

pub(super) fn remove(tx: &Connection, id: RequestId) -> rusqlite::Result<()> {
    tx.prepare_cached("DELETE FROM injections WHERE injection = ?1")?.execute([key(id)]).and_then(one)
}

/// SQLite's integers have a sign.
fn key(id: RequestId) -> i64 {
    id.number().cast_signed()
}

/// A row, without what the log tells.
struct Noted {
    id: RequestId,
    at: Timestamp,
    entry: i64,
    entries: i64,
    name: String,
    host: String,
    boot: String,
    init: Option<Process>,
}

fn noted(row: &Row<'_>) -> rusqlite::Result<Noted> {
    let init = match row.get(7)? {
        Some(pid) => Some(Process { pid, started: row.get(8)?, namespace: row.get(9)? }),
        None => None,
    };
    Ok(Noted {
        id: RequestId::new(row.get::<_, i64>(0)?.cast_unsigned()),
        at: time(row, 1)?,
        entry: row.get(2)?,
        entries: row.get(3)?,
        name: row.get(4)?,
        host: row.get(5)?,
        boot: row.get(6)?,
        init,
    })
}

impl Noted {
    fn told(self, tx: &Connection) -> rusqlite::Result<Injection> {
        let mut injection = Injection {
            id: self.id,
            at: self.at,
            actor: ActorId::Nobody,
            container: Container { name: self.name, host: self.host, ..Container::default() },
            holds: Vec::new(),
            boot: self.boot,
            init: self.init,
        };
        let mut entries =
            tx.prepare_cached("SELECT entry FROM audit WHERE idx >= ?1 AND idx < ?1 + ?2 ORDER BY idx")?;
        let mut rows = entries.query(params![self.entry, self.entries])?;
        while let Some(row) = rows.next()? {
            let bytes = row.get_ref(0)?.as_blob()?;
            let told: Told<'_> = serde_json::from_slice(bytes).map_err(|error| bad(0, error))?;
            let held = told.held()?;
            // The first says all that is known of the container.
            if injection.holds.is_empty() {
                injection.actor = told.actor()?;
                let How { container_id: id, bundle, engine, image, runtime, pid, .. } = told.attributes;
                injection.container = Container { id, bundle, engine, image, pid, runtime, ..injection.container };
            }
            injection.holds.push(held);
        }
        Ok(injection)
    }
}

/// An entry of `vault.object.inject`, as far as the inventory wants to know.
#[derive(Deserialize)]
struct Told<'a> {
    #[serde(borrow)]
    actor: Who<'a>,
    #[serde(borrow)]
    target: What<'a>,
    attributes: How,
}

#[derive(Deserialize)]
struct Who<'a> {
    uid: Option<u32>,
    #[serde(borrow)]
    id: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct What<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    version: Cow<'a, str>,
}

#[derive(Deserialize)]
struct How {
    variable: Option<String>,
    file: Option<String>,
    #[serde(default)]
    container_id: String,
    #[serde(default)]
    bundle: String,
    #[serde(default)]
    engine: String,
    #[serde(default)]
    image: String,
    #[serde(default)]
    runtime: String,
    #[serde(default)]
    pid: i32,
}

impl Told<'_> {
    fn actor(&self) -> rusqlite::Result<ActorId> {
        let token = self.actor.id.as_deref().map(str::parse).transpose().map_err(|error| bad(0, error))?;
        Ok(token.map(ActorId::Token).or(self.actor.uid.map(ActorId::User)).unwrap_or(ActorId::Nobody))
    }

    fn held(&self) -> rusqlite::Result<Held> {
        let How { variable, file, .. } = &self.attributes;
        let version: u64 = self.target.version.parse().map_err(|error| bad(0, error))?;
        let version = Version::new(version).ok_or(rusqlite::Error::IntegralValueOutOfRange(0, 0))?;
        let object = self.target.id.parse().map_err(|error| bad(0, error))?;
        Ok(Held { name: variable.as_ref().or(file.as_ref()).cloned().unwrap_or_default(), object, version })
    }
}
