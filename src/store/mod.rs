//! What is durable: secrets at rest, wrapped keys and the audit log. The only SQL, and the only maker of [`Recorded`].
//!
//! A use case runs as a job inside one transaction; what it appended to the log and what it changed become durable
//! together or not at all.

mod error;
mod recorded;
pub mod sqlite;
mod tx;

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::{oneshot, watch};

pub use error::StoreError;
pub use recorded::Recorded;
pub use tx::{AuditRow, Mutation, ObjectOrder, ReadTx, StoredVersion, TokenMutation, WriteTx};

use crate::domain::VaultId;
use crate::seal::LogSeal;

/// A job that changes something, run inside a transaction.
pub type WriteJob = Box<dyn FnOnce(&mut dyn WriteTx) -> Result<(), StoreError> + Send>;
/// A job that only reads, run on a snapshot.
pub type ReadJob = Box<dyn FnOnce(&mut dyn ReadTx) -> Result<(), StoreError> + Send>;

/// A database that can run jobs.
#[async_trait]
pub trait Backend: Send + Sync {
    /// Runs a job and returns when everything that it wrote is durable. A job that fails leaves nothing.
    async fn write(&self, job: WriteJob) -> Result<Recorded, StoreError>;

    /// Runs a job on a consistent snapshot.
    async fn read(&self, job: ReadJob) -> Result<(), StoreError>;

    /// Checks that the log is the one that was vouched for last, and from now on vouches for it with every commit; what
    /// is wrong, if it isn't. If `vouched`, something must vouch for it already.
    async fn attest(&self, seal: LogSeal, vouched: bool) -> Result<Option<String>, StoreError>;

    /// Which vault this is.
    fn vault_id(&self) -> VaultId;

    /// The number of entries that are durable, told whenever it grows.
    fn log_growth(&self) -> watch::Receiver<u64>;
}

/// The store, whichever database is behind it.
#[derive(Clone)]
pub struct Store {
    backend: Arc<dyn Backend>,
}

impl Store {
    /// The store on this database.
    pub fn new(backend: impl Backend + 'static) -> Self {
        Self { backend: Arc::new(backend) }
    }

    /// Checks that the log is the one that was vouched for last, and from now on vouches for it with every commit; what
    /// is wrong, if it isn't. If `vouched`, something must vouch for it already.
    pub async fn attest(&self, seal: LogSeal, vouched: bool) -> Result<Option<String>, StoreError> {
        self.backend.attest(seal, vouched).await
    }

    /// Which vault this is.
    pub fn vault_id(&self) -> VaultId {
        self.backend.vault_id()
    }

    /// The number of entries that are durable, told whenever it grows.
    pub fn log_growth(&self) -> watch::Receiver<u64> {
        self.backend.log_growth()
    }

    /// Runs a job; its result comes with the proof that the entries which it appended are durable.
    pub async fn write<T, F>(&self, job: F) -> Result<(T, Recorded), StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut dyn WriteTx) -> Result<T, StoreError> + Send + 'static,
    {
        let (sender, mut receiver) = oneshot::channel();
        let erased: WriteJob = Box::new(move |tx| {
            let value = job(tx)?;
            // The receiver is gone only if the caller is.
            let _ = sender.send(value);
            Ok(())
        });
        let recorded = self.backend.write(erased).await?;
        let value = receiver.try_recv().map_err(|_| StoreError::Stopped)?;
        Ok((value, recorded))
    }

    /// Runs a job that only reads.
    pub async fn read<T, F>(&self, job: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut dyn ReadTx) -> Result<T, StoreError> + Send + 'static,
    {
        let (sender, mut receiver) = oneshot::channel();
        let erased: ReadJob = Box::new(move |tx| {
            let value = job(tx)?;
            let _ = sender.send(value);
            Ok(())
        });
        self.backend.read(erased).await?;
        receiver.try_recv().map_err(|_| StoreError::Stopped)
    }
}
