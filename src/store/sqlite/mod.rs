//! SQLite: one writer that commits whatever waits as one transaction, readers beside it.

mod agree;
mod convert;
mod injection;
mod instance;
mod order;
mod read;
mod schema;
mod state;
mod token;
mod tree;
mod verify;
mod write;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use rusqlite::{Connection, OpenFlags, OptionalExtension};
use tokio::sync::{oneshot, watch};

use self::convert::{bad, store_error};
use self::state::Step;
pub use self::verify::{Expected, Verified, VerifyError, verify};
use self::writer::Writer;
use super::{Backend, ReadJob, Recorded, StoreError, WriteJob};
use crate::audit::Frontier;
use crate::domain::{ObjectId, Timestamp, VaultId, Version};
use crate::seal::LogSeal;

/// A transaction under way.
struct SqliteTx<'a> {
    tx: &'a Connection,
    path: &'a Path,
    vault: VaultId,
    now: Timestamp,
    /// The tree as it is after the entries of this transaction.
    tree: Frontier,
    opens: Vec<(ObjectId, Version)>,
    /// What its entries say was changed.
    steps: Vec<Step>,
    destroyed: bool,
}

/// The SQLite backend.
pub struct Sqlite {
    path: PathBuf,
    vault: VaultId,
    // Dropped before the writer: SQLite folds the write-ahead log into the database when the last connection closes,
    // and one that only reads can't.
    readers: Arc<Mutex<Vec<Connection>>>,
    writer: Writer,
}

impl Sqlite {
    /// Opens the database, making it with this identity if it isn't there.
    pub fn open(path: &Path, identity_if_new: VaultId) -> Result<Self, StoreError> {
        let failed = |error| store_error(path, &error);
        let mut connection = Connection::open(path).map_err(failed)?;
        schema::prepare(&connection).map_err(failed)?;
        connection.pragma_update(None, "journal_mode", "WAL").map_err(failed)?;
        // An acknowledged write survives power loss only if every commit of the WAL is synced.
        connection.pragma_update(None, "synchronous", "FULL").map_err(failed)?;
        schema::migrate(&mut connection, path)?;
        let vault = identity(&connection, identity_if_new).map_err(failed)?;
        let writer = Writer::start(connection, path, vault)?;
        Ok(Self { path: path.to_owned(), vault, readers: Arc::default(), writer })
    }
}

#[async_trait]
impl Backend for Sqlite {
    async fn write(&self, job: WriteJob) -> Result<Recorded, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.writer.submit(job, reply)?;
        answer.await.map_err(|_| StoreError::Stopped)?
    }

    async fn attest(&self, seal: LogSeal, vouched: bool) -> Result<Option<String>, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.writer.attest(seal, vouched, reply)?;
        answer.await.map_err(|_| StoreError::Stopped)?
    }

    async fn read(&self, job: ReadJob) -> Result<(), StoreError> {
        let (path, vault, readers) = (self.path.clone(), self.vault, Arc::clone(&self.readers));
        let snapshot = move || {
            let idle = readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut connection = match idle {
                Some(connection) => connection,
                None => open_reader(&path)?,
            };
            let result = read_once(&mut connection, &path, vault, job);
            readers.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            result
        };
        tokio::task::spawn_blocking(snapshot).await.map_err(|_| StoreError::Stopped)?
    }

    fn vault_id(&self) -> VaultId {
        self.vault
    }

    fn log_growth(&self) -> watch::Receiver<u64> {
        self.writer.growth()
    }
}

fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let failed = |error| store_error(path, &error);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    schema::prepare(&connection).map_err(failed)?;
    Ok(connection)
}

fn read_once(connection: &mut Connection, path: &Path, vault: VaultId, job: ReadJob) -> Result<(), StoreError> {
    let tx = connection.transaction().map_err(|error| store_error(path, &error))?;
    let now = Timestamp::UNIX_EPOCH;
    let (tree, opens, steps) = (Frontier::default(), Vec::new(), Vec::new());
    job(&mut SqliteTx { tx: &tx, path, vault, now, tree, opens, steps, destroyed: false })
}

/// The vault's identity, stored at its first start.
fn identity(connection: &Connection, if_new: VaultId) -> rusqlite::Result<VaultId> {
    let found: Option<String> =
        connection.query_row("SELECT value FROM meta WHERE key = 'vault_id'", [], |row| row.get(0)).optional()?;
    if let Some(text) = found {
        return text.parse().map_err(|e| bad(0, e));
    }
    connection.execute("INSERT INTO meta (key, value) VALUES ('vault_id', ?1)", [if_new.to_string()])?;
    Ok(if_new)
}
