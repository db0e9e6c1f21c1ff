//! What the log was at some moment, signed; and whether it still begins like that.

use std::sync::Arc;

use tokio::sync::watch;

use super::{Error, Vault};
use crate::audit::{Checkpoint, Entry, Event, Frontier, NoteSigner, origin};
use crate::seal::LogSeal;
use crate::store::{ReadTx, StoreError, WriteTx};

impl Vault {
    /// Signs a checkpoint, unless the log has not grown since the last one.
    pub async fn checkpoint(&self) -> Result<(), Error> {
        let keys = Arc::clone(&self.keys);
        self.store.write(move |tx| sign(tx, &keys.signer)).await?;
        Ok(())
    }

    /// Tells when the log has grown: its number of entries.
    pub fn log_growth(&self) -> watch::Receiver<u64> {
        self.store.log_growth()
    }

    /// Checks that the log is the one that the vault's keys vouched for last, and that it still begins as the last
    /// checkpoint says. From now on it is vouched for with every commit. If `vouched`, both must be there already.
    pub async fn check_log(&self, seal: LogSeal, vouched: bool) -> Result<(), Error> {
        if let Some(reason) = self.store.attest(seal, vouched).await? {
            return Err(Error::BrokenLog { reason });
        }
        let verifier = self.keys.signer.verifier();
        let broken = self.store.read(move |tx| {
            let Some(note) = tx.last_checkpoint()? else {
                return Ok(vouched.then(|| "it has no checkpoint, though there was one".to_owned()));
            };
            let checkpoint = match Checkpoint::open(&note, &verifier) {
                Ok(checkpoint) => checkpoint,
                Err(error) => return Ok(Some(format!("its last checkpoint is not genuine: {error}"))),
            };
            differs(tx, &checkpoint)
        });
        broken.await?.map_or(Ok(()), |reason| Err(Error::BrokenLog { reason }))
    }

    /// Records that the daemon has started.
    pub async fn record_start(&self) -> Result<(), Error> {
        self.record(Entry::of_daemon(Event::Start)).await
    }

    /// Records that the daemon stops, under a last checkpoint.
    pub async fn record_stop(&self) -> Result<(), Error> {
        let keys = Arc::clone(&self.keys);
        let job = move |tx: &mut dyn WriteTx| {
            tx.append(&Entry::of_daemon(Event::Stop))?;
            sign(tx, &keys.signer)
        };
        self.store.write(job).await?;
        Ok(())
    }
}

pub(super) fn sign(tx: &mut dyn WriteTx, signer: &NoteSigner) -> Result<(), StoreError> {
    let (size, root) = (tx.log_tree().size(), tx.log_tree().root());
    let last = tx.last_checkpoint_size()?;
    if size == 0 || last == Some(size) {
        return Ok(());
    }
    let checkpoint = Checkpoint { origin: origin(tx.vault_id()), size, root };
    tx.insert_checkpoint(size, &checkpoint.sign(signer))
}

/// What is wrong, if the log does not begin as the checkpoint says.
fn differs(tx: &mut dyn ReadTx, checkpoint: &Checkpoint) -> Result<Option<String>, StoreError> {
    let (size, there) = (checkpoint.size, tx.log_size()?);
    if there < size {
        return Ok(Some(format!("its last checkpoint is of {size} entries, but there are {there}")));
    }
    let same = Frontier::load(tx, size)?.root() == checkpoint.root;
    Ok((!same).then(|| format!("its first {size} entries are not those of the last checkpoint")))
}
