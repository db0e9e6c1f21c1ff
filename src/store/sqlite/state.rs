//! What was done last to each secret and token, and what vouches for it and for the log.
//!
//! Whoever edits the database could put back an older row and hide the entry that tells of the newer one. So the writer
//! keeps in `last_changes` what the log says, and vouches with each commit for the log and for these rows together.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::convert;
use super::tree::Kept;
use crate::audit::{Change, Entry, Frontier, Hash, View};
use crate::domain::VaultId;
use crate::seal::{LogSeal, LogTag, Sum};

/// What was done to a secret or token, and before that, if anything was.
pub(super) struct Step {
    pub(super) subject: String,
    pub(super) before: Option<Change>,
    pub(super) after: Change,
}

/// What vouches for the log with each commit.
pub(super) struct Attested {
    seal: LogSeal,
    changes: Sum,
    /// Whether the database has it already.
    kept: bool,
}

impl Attested {
    /// The sum after these steps.
    pub(super) fn after(&self, steps: &[Step]) -> Sum {
        steps.iter().fold(self.changes, |sum, Step { subject, before, after }| {
            let sum = before.iter().fold(sum, |sum, before| self.seal.without(sum, subject, before));
            self.seal.with(sum, subject, after)
        })
    }

    /// Vouches for the log as it will be with this transaction.
    pub(super) fn keep(&self, tx: &Connection, known: u64, tree: &Frontier, changes: Sum) -> rusqlite::Result<()> {
        if self.kept && known == tree.size() {
            return Ok(());
        }
        let tag = self.seal.tag(tree.size(), tree.root(), changes);
        tx.prepare_cached(
            "INSERT INTO log_state (id, size, tag) VALUES (0, ?1, ?2) \
             ON CONFLICT (id) DO UPDATE SET size = excluded.size, tag = excluded.tag",
        )?
        .execute(params![tree.size(), tag])
        .and_then(one)
    }

    /// After the commit.
    pub(super) fn advance(&mut self, changes: Sum) {
        self.changes = changes;
        self.kept = true;
    }
}

/// A statement must have changed one row: a trigger could have made it change none.
pub(super) fn one(changed: usize) -> rusqlite::Result<()> {
    if changed == 1 { Ok(()) } else { Err(rusqlite::Error::StatementChangedRows(changed)) }
}

/// What the log says was done last.
pub(super) fn last_change(connection: &Connection, subject: &str) -> rusqlite::Result<Option<Change>> {
    connection
        .prepare_cached("SELECT subject, idx, version, ended FROM last_changes WHERE subject = ?1")?
        .query_row([subject], change)
        .optional()
}

/// Remembers what an entry says.
pub(super) fn remember(connection: &Connection, subject: &str, after: Change) -> rusqlite::Result<Step> {
    let before = last_change(connection, subject)?;
    connection
        .prepare_cached(
            "INSERT INTO last_changes (subject, idx, version, ended) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (subject) DO UPDATE SET idx = excluded.idx, version = excluded.version, ended = excluded.ended",
        )?
        .execute(params![subject, after.index, after.version.map(convert::number), after.ended])
        .and_then(one)?;
    Ok(Step { subject: subject.to_owned(), before, after })
}

/// Each secret and token with what was done last to it. The rows come in order, or not at all: one that a search would
/// miss must not count here.
pub(super) fn each_change(connection: &Connection, mut tell: impl FnMut(&str, Change)) -> rusqlite::Result<()> {
    let mut statement = connection.prepare("SELECT subject, idx, version, ended FROM last_changes ORDER BY subject")?;
    let (mut rows, mut last) = (statement.query([])?, String::new());
    while let Some(row) = rows.next()? {
        let subject: String = row.get(0)?;
        if subject <= last {
            return Err(convert::bad(0, Disorder));
        }
        tell(&subject, change(row)?);
        last = subject;
    }
    Ok(())
}

fn change(row: &Row<'_>) -> rusqlite::Result<Change> {
    let version: Option<i64> = row.get(2)?;
    let version = version.map(|_| convert::version(row, 2)).transpose()?;
    Ok(Change { index: row.get(1)?, version, ended: row.get(3)? })
}

/// Whether the log, whose tree this is, is the one that was vouched for last; if not, what is wrong.
///
/// If something else in the database was altered, `last_changes` say, it is made anew from the entries: they decide.
pub(super) fn attest(
    connection: &mut Connection,
    vault: VaultId,
    tree: &Frontier,
    seal: LogSeal,
    vouched: bool,
) -> rusqlite::Result<Result<Attested, String>> {
    let state: Option<(u64, LogTag)> =
        connection.query_row("SELECT size, tag FROM log_state", [], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let (size, tag) = match state {
        Some((size, tag)) => (size, Some(tag)),
        None if vouched => return Ok(Err("what the vault's keys vouch for it with is missing".to_owned())),
        // A vault that is older than this: its entries are taken as they are, and checked against its checkpoints.
        None => (tree.size(), None),
    };
    if size > tree.size() {
        return Ok(Err(format!("the vault's keys vouch for {size} entries, but there are {}", tree.size())));
    }
    if let Some(index) = unvouched(connection, vault, size)? {
        return Ok(Err(format!("the vault's keys vouch for {size} entries, but not for entry {index}")));
    }
    let root = Frontier::load(&mut Kept(connection), size)?.root();
    if let Some(tag) = &tag {
        let mut changes = Sum::default();
        let read = each_change(connection, |subject, change| changes = seal.with(changes, subject, &change));
        if read.is_ok() && seal.matches(tag, size, root, changes) {
            return Ok(Ok(Attested { seal, changes, kept: true }));
        }
    }
    let whole = Whole::read(connection, size)?;
    let changes = whole.changes.iter().fold(Sum::default(), |sum, (subject, change)| seal.with(sum, subject, change));
    if tag.is_some_and(|tag| !seal.matches(&tag, size, whole.tree.root(), changes)) {
        return Ok(Err(format!("its first {size} entries are not those that the vault's keys vouch for")));
    }
    if whole.tree.root() != root {
        return Ok(Err("the hashes that its tree keeps are not those of its entries".to_owned()));
    }
    if tag.is_some() {
        tracing::warn!("what was done last to each secret was altered in the database, and is told from the log again");
    }
    whole.replace(connection)?;
    Ok(Ok(Attested { seal, changes, kept: tag.is_some() }))
}

/// The first entry from here on that nobody vouches for and that isn't a failed unseal, which is recorded by a daemon that
/// has no key.
fn unvouched(connection: &Connection, vault: VaultId, from: u64) -> rusqlite::Result<Option<u64>> {
    let mut statement = connection.prepare("SELECT idx, entry FROM audit WHERE idx >= ?1 ORDER BY idx")?;
    let mut rows = statement.query([from])?;
    while let Some(row) = rows.next()? {
        let entry = row.get_ref(1)?.as_blob()?;
        let known = View::of(entry).ok().and_then(|view| Entry::failed_unseal().canonical(vault, view.at).ok());
        if known.as_deref() != Some(entry) {
            return row.get(0).map(Some);
        }
    }
    Ok(None)
}

/// The log read from its first entry to its last.
struct Whole {
    tree: Frontier,
    changes: BTreeMap<String, Change>,
}

impl Whole {
    fn read(connection: &Connection, size: u64) -> rusqlite::Result<Self> {
        let mut whole = Self { tree: Frontier::default(), changes: BTreeMap::new() };
        let mut statement = connection.prepare("SELECT entry FROM audit WHERE idx < ?1 ORDER BY idx")?;
        let mut rows = statement.query([size])?;
        while let Some(row) = rows.next()? {
            let entry = row.get_ref(0)?.as_blob()?;
            // What is no entry changes the root.
            if let Ok(view) = View::of(entry)
                && let Some((subject, change)) = view.change(whole.tree.size())
            {
                whole.changes.insert(subject.to_owned(), change);
            }
            whole.tree.push(Hash::of_leaf(entry), |_, _| {});
        }
        Ok(whole)
    }

    fn replace(&self, connection: &mut Connection) -> rusqlite::Result<()> {
        let tx = connection.transaction()?;
        tx.execute("DELETE FROM last_changes", [])?;
        for (subject, change) in &self.changes {
            remember(&tx, subject, *change)?;
        }
        tx.commit()
    }
}

#[derive(Debug, thiserror::Error)]
#[error("its rows are not in order")]
struct Disorder;
