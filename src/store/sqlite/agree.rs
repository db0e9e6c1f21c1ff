//! Whether the rows of secrets and tokens are those that the log tells of.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use rusqlite::Connection;

use super::state;
use crate::audit::Change;
use crate::domain::Version;

/// What the log says was done last to each secret and token.
type Changes = BTreeMap<String, Change>;

/// The first row that says something else than the log: which one, and what is wrong with it.
pub(super) fn differs(tx: &Connection, schema: u32, changes: &Changes) -> rusqlite::Result<Option<(String, String)>> {
    let mut seen = BTreeSet::new();
    let mut found = objects(tx, changes, &mut seen)?;
    if schema >= 3 {
        found = found.or(tokens(tx, changes, &mut seen)?);
    }
    if schema >= 4 {
        found = found.or(remembered(tx, changes)?);
    }
    let missing = changes.keys().find(|subject| !seen.contains(*subject));
    Ok(found.or_else(|| missing.map(|subject| (subject.clone(), "its row is missing".to_owned()))))
}

type Odd = Option<(String, String)>;

fn objects(tx: &Connection, changes: &Changes, seen: &mut BTreeSet<String>) -> rusqlite::Result<Odd> {
    let mut versions = versions(tx)?;
    let mut statement = tx.prepare("SELECT object_id, current, deleted_at IS NOT NULL FROM objects NOT INDEXED")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (id, current, deleted): (String, u64, bool) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let has = versions.remove(&id).unwrap_or_default();
        let reason = match changes.get(&id) {
            None => "the log knows of none",
            _ if !seen.insert(id.clone()) => "it has two rows",
            Some(change) if change.version.map(Version::get) != Some(current) => "another version is current",
            Some(change) if change.ended != deleted => {
                if deleted {
                    "it is marked deleted"
                } else {
                    "it was deleted"
                }
            }
            Some(_) if has.rows != current || has.newest != current => "a version is missing, or there is one too many",
            Some(_) if deleted && has.keys > 0 => "it was deleted, and has a value",
            Some(_) if !deleted && !has.current_has_key => "its value is missing",
            Some(_) => continue,
        };
        return Ok(Some((id, reason.to_owned())));
    }
    Ok(versions.into_keys().next().map(|id| (id, "it has versions, but no row".to_owned())))
}

/// What there is of one secret's versions.
#[derive(Default)]
struct Versions {
    rows: u64,
    newest: u64,
    keys: u64,
    current_has_key: bool,
}

fn versions(tx: &Connection) -> rusqlite::Result<BTreeMap<String, Versions>> {
    let mut statement = tx.prepare("SELECT object_id, version, wrapped_dek IS NOT NULL FROM versions NOT INDEXED")?;
    let mut rows = statement.query([])?;
    let mut versions: BTreeMap<String, Versions> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let (version, has_key): (u64, bool) = (row.get(1)?, row.get(2)?);
        let of = versions.entry(row.get(0)?).or_default();
        of.rows += 1;
        of.keys += u64::from(has_key);
        if version > of.newest {
            (of.newest, of.current_has_key) = (version, has_key);
        }
    }
    Ok(versions)
}

fn tokens(tx: &Connection, changes: &Changes, seen: &mut BTreeSet<String>) -> rusqlite::Result<Odd> {
    let mut statement = tx.prepare("SELECT token_id, revoked_at IS NOT NULL FROM tokens NOT INDEXED")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (id, revoked): (String, bool) = (row.get(0)?, row.get(1)?);
        let reason = match changes.get(&id) {
            None => "the log knows of none",
            _ if !seen.insert(id.clone()) => "it has two rows",
            Some(change) if change.ended != revoked => {
                if revoked {
                    "it is marked revoked"
                } else {
                    "it was revoked"
                }
            }
            Some(_) => continue,
        };
        return Ok(Some((id, reason.to_owned())));
    }
    Ok(None)
}

fn remembered(tx: &Connection, changes: &Changes) -> rusqlite::Result<Odd> {
    let mut there = BTreeMap::new();
    state::each_change(tx, |subject, change| _ = there.insert(subject.to_owned(), change))?;
    let odd = there.keys().chain(changes.keys()).find(|subject| there.get(*subject) != changes.get(*subject));
    Ok(odd.map(|subject| (subject.clone(), "what was done to it last is another entry".to_owned())))
}

/// What SQLite finds wrong with the file itself: pages, rows out of their order, indexes that are not of their tables.
pub(super) fn damage(tx: &Connection) -> rusqlite::Result<Option<String>> {
    let mut statement = tx.prepare("PRAGMA integrity_check(3)")?;
    let mut found = String::new();
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let text: String = row.get(0)?;
        if text != "ok" {
            // A text has no error to write with.
            let _ = write!(found, "{}{text}", if found.is_empty() { "" } else { "; " });
        }
    }
    Ok((!found.is_empty()).then_some(found))
}
