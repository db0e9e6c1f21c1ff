//! The vault's own keys: those that it works with, and those that are new.

use std::sync::Arc;

use super::checkpoint::sign;
use super::{Error, Vault};
use crate::audit::{Entry, Event, NoteSigner, Subject};
use crate::domain::{RootWrap, WrappedAuditKey, WrappedKek};
use crate::seal::KeyRing;
use crate::store::{StoreError, WriteTx};

/// The keys of an open vault.
pub struct Keys {
    /// What protects values.
    pub ring: KeyRing,
    /// What signs checkpoints of the log.
    pub signer: NoteSigner,
}

/// Keys that were made, or wrapped anew, at this start.
#[derive(Default)]
pub struct NewKeys {
    /// The root key's wrap.
    pub root: Option<RootWrap>,
    /// A key-encryption key.
    pub kek: Option<WrappedKek>,
    /// What signs checkpoints.
    pub audit_key: Option<WrappedAuditKey>,
    /// Key-encryption keys that say from now on that the log is vouched for.
    pub marked: Vec<WrappedKek>,
}

impl Vault {
    /// Stores new keys under a checkpoint, and in the same transaction what vouches for the log: whoever has one of these
    /// has all, so that none can be missing later.
    pub async fn keep_keys(&self, new: NewKeys) -> Result<(), Error> {
        if new.audit_key.is_none() && new.marked.is_empty() {
            return Ok(());
        }
        let keys = Arc::clone(&self.keys);
        self.store.write(move |tx| new.store(tx, &keys.signer)).await?;
        Ok(())
    }
}

impl NewKeys {
    fn store(&self, tx: &mut dyn WriteTx, signer: &NoteSigner) -> Result<(), StoreError> {
        if let Some(root) = &self.root {
            tx.insert_root_wrap(root)?;
            tx.append(&key_made(format!("root key by {}", root.provider)))?;
        }
        if let Some(kek) = &self.kek {
            tx.insert_kek(kek)?;
            tx.append(&key_made(kek.id.to_string()))?;
        }
        if let Some(key) = &self.audit_key {
            tx.insert_audit_key(key)?;
            tx.append(&key_made(signer.verifier().to_string()))?;
        }
        self.marked.iter().try_for_each(|kek| tx.rewrap_kek(kek))?;
        sign(tx, signer)
    }
}

fn key_made(name: String) -> Entry {
    let mut entry = Entry::of_daemon(Event::MakeKey);
    entry.subject = Some(Subject::Key(name));
    entry
}
