//! Checking the log of a database file that nothing else need have open, without changing it.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, Rows};

use super::convert::store_error;
use super::{agree, open_reader, schema};
use crate::audit::{Broken, Checkpoint, Hash, InvalidCheckpoint, LogCheck, NoteVerifier, Place, Row, origin};
use crate::domain::VaultId;
use crate::store::StoreError;

/// What a log is checked against beside its own checkpoints.
#[derive(Default)]
pub struct Expected<'a> {
    /// The key that signs its checkpoints, known from elsewhere.
    pub key: Option<&'a NoteVerifier>,
    /// A checkpoint that was kept elsewhere, a signed note.
    pub checkpoint: Option<&'a str>,
}

/// A log that is as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The key that its checkpoints are signed with.
    pub key: NoteVerifier,
    /// The number of entries.
    pub entries: u64,
    /// The root of the tree over them.
    pub root: Hash,
    /// The number of its own checkpoints.
    pub checkpoints: u64,
    /// So many entries a checkpoint speaks for.
    pub signed: u64,
}

/// Why a log is not, or could not be checked.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// It was changed.
    #[error("the audit log was changed: {0}")]
    Broken(#[from] Broken),
    /// The row of a secret or token says something else than the log.
    #[error("{subject} is not what the log says: {reason}")]
    Row {
        /// The secret or token.
        subject: String,
        /// How that can be seen.
        reason: String,
    },
    /// It has a key, so it had a checkpoint, which was stored with that.
    #[error("the audit log was changed: it has no checkpoint, though there was one")]
    NoCheckpoint,
    /// It has no key of its own.
    #[error("the database has no key that signs checkpoints: its daemon has not been started since it was upgraded")]
    NoKey,
    /// It has another key.
    #[error("the audit log was changed: its checkpoints are signed with the key {found}")]
    OtherKey {
        /// The key that it has.
        found: String,
    },
    /// The checkpoint that was kept elsewhere is none of this log.
    #[error("the given checkpoint is none of this log: {0}")]
    Elsewhere(InvalidCheckpoint),
    /// The database can't be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Checks every entry, every hash of the tree and every checkpoint of a database, its schema and indexes, and that secrets
/// and tokens are as the log says.
pub fn verify(path: &Path, expected: &Expected<'_>) -> Result<Verified, VerifyError> {
    let connection = open_reader(path)?;
    let tx = connection.unchecked_transaction().map_err(|error| store_error(path, &error))?;
    // First of all: an index that hides rows would be asked below.
    let schema = schema::check(&tx, path)?;
    if let Some(reason) = agree::damage(&tx).map_err(|error| store_error(path, &error))? {
        return Err(StoreError::Damaged { path: path.to_owned(), reason }.into());
    }
    // A malformed row is one of the changes that this looks for.
    check(&tx, schema, expected).map_err(|error| match error {
        Failed::Sqlite(error) => VerifyError::Store(store_error(path, &error)),
        Failed::Verify(error) => error,
    })
}

enum Failed {
    Sqlite(rusqlite::Error),
    Verify(VerifyError),
}

impl From<rusqlite::Error> for Failed {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<Broken> for Failed {
    fn from(broken: Broken) -> Self {
        Self::Verify(broken.into())
    }
}

fn check(tx: &Connection, schema: u32, expected: &Expected<'_>) -> Result<Verified, Failed> {
    if schema < 2 {
        return Err(Failed::Verify(VerifyError::NoKey));
    }
    let vault: String = tx.query_row("SELECT value FROM meta WHERE key = 'vault_id'", [], |row| row.get(0))?;
    let key = key(tx, &vault, expected)?;
    let elsewhere =
        expected.checkpoint.map(|note| Checkpoint::open(note, &key).map(|checkpoint| (checkpoint.size, note)));
    let elsewhere = elsewhere.transpose().map_err(|error| Failed::Verify(VerifyError::Elsewhere(error)))?;
    let mut log = LogCheck::new(&vault, &key);
    let mut statement = tx.prepare("SELECT size, note FROM checkpoints ORDER BY size")?;
    let mut checkpoints = Checkpoints::new(statement.query([])?)?;
    let mut entries = tx.prepare("SELECT idx, at, object_id, version, mutation, entry FROM audit ORDER BY idx")?;
    let mut rows = entries.query([])?;
    while let Some(row) = rows.next()? {
        let complete = log.entry(&Row {
            index: row.get(0)?,
            at: row.get(1)?,
            object: row.get_ref(2)?.as_str_or_null().map_err(rusqlite::Error::from)?,
            version: row.get(3)?,
            mutation: row.get_ref(4)?.as_str_or_null().map_err(rusqlite::Error::from)?,
            entry: row.get_ref(5)?.as_blob().map_err(rusqlite::Error::from)?,
        })?;
        for (place, hash) in complete {
            log.node(place, hash, kept(tx, place)?)?;
        }
        let size = log.tree().size();
        checkpoints.compare(&mut log, size)?;
        if let Some((_, note)) = elsewhere.filter(|(at, _)| *at == size) {
            log.checkpoint(size, note)?;
        }
    }
    checkpoints.compare(&mut log, u64::MAX)?;
    if let Some((size, note)) = elsewhere.filter(|(at, _)| *at > log.tree().size()) {
        log.checkpoint(size, note)?;
    }
    // Before the log was vouched for, the first one was signed a moment after the key was made.
    if schema >= 4 && log.tree().size() > 0 && checkpoints.compared == 0 {
        return Err(Failed::Verify(VerifyError::NoCheckpoint));
    }
    log.end(tx.query_row("SELECT count(*) FROM tree_nodes", [], |row| row.get(0))?)?;
    if let Some((subject, reason)) = agree::differs(tx, schema, log.changes())? {
        return Err(Failed::Verify(VerifyError::Row { subject, reason }));
    }
    let (entries, root) = (log.tree().size(), log.tree().root());
    Ok(Verified { entries, root, checkpoints: checkpoints.compared, signed: checkpoints.last, key: key.clone() })
}

fn key(tx: &Connection, vault: &str, expected: &Expected<'_>) -> Result<NoteVerifier, Failed> {
    let public: Option<[u8; 32]> = tx.query_row("SELECT public FROM audit_keys", [], |row| row.get(0)).optional()?;
    let vault: VaultId = vault.parse().map_err(|error| super::bad(0, error))?;
    let public = public.ok_or(Failed::Verify(VerifyError::NoKey))?;
    let key = NoteVerifier::new(origin(vault), &public).map_err(|error| super::bad(0, error))?;
    match expected.key.filter(|expected| **expected != key) {
        Some(_) => Err(Failed::Verify(VerifyError::OtherKey { found: key.to_string() })),
        None => Ok(key),
    }
}

fn kept(tx: &Connection, place: Place) -> rusqlite::Result<Option<Hash>> {
    tx.prepare_cached("SELECT hash FROM tree_nodes WHERE level = ?1 AND idx = ?2")?
        .query_row(rusqlite::params![place.level, place.index], |row| row.get(0).map(Hash::from_bytes))
        .optional()
}

/// The database's checkpoints, in the order of their sizes, of which there may be very many.
struct Checkpoints<'a> {
    rows: Rows<'a>,
    next: Option<(u64, String)>,
    compared: u64,
    last: u64,
}

impl<'a> Checkpoints<'a> {
    fn new(mut rows: Rows<'a>) -> rusqlite::Result<Self> {
        let next = next(&mut rows)?;
        Ok(Self { rows, next, compared: 0, last: 0 })
    }

    /// Compares all of them up to this size.
    fn compare(&mut self, log: &mut LogCheck<'_>, up_to: u64) -> Result<(), Failed> {
        while let Some((size, note)) = self.next.take_if(|(size, _)| *size <= up_to) {
            log.checkpoint(size, &note)?;
            self.compared += 1;
            self.last = size;
            self.next = next(&mut self.rows)?;
        }
        Ok(())
    }
}

fn next(rows: &mut Rows<'_>) -> rusqlite::Result<Option<(u64, String)>> {
    rows.next()?.map(|row| Ok((row.get(0)?, row.get(1)?))).transpose()
}
