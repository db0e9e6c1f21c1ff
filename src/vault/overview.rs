//! What somebody who looks at the whole vault sees: the log as it is vouched for, and the keys.

use super::{Error, Vault};
use crate::audit::{Checkpoint, Frontier, Hash, View};
use crate::authz::{Action, Principal, Resource};
use crate::domain::Timestamp;

/// How many of the log's first entries may tell of the keys.
const FIRST_ENTRIES: u32 = 64;

/// How far the log was checked.
#[derive(Clone, Debug)]
pub struct LogState {
    /// The number of entries.
    pub size: u64,
    /// The newest checkpoint's number of entries, if it is genuine and the log begins as it says.
    pub vouched: Option<u64>,
    /// The note itself.
    pub note: String,
}

/// What is known of the vault's keys.
#[derive(Clone, Debug)]
pub struct KeyFacts {
    /// What opens the vault.
    pub providers: Vec<String>,
    /// When its root key was made, if the log's start tells.
    pub made_at: Option<Timestamp>,
}

impl Vault {
    /// The size of the log, and whether it begins as the newest checkpoint says.
    pub async fn log_state(&self, principal: &Principal) -> Result<LogState, Error> {
        self.permit(principal, Action::ListAudit, Resource::All).await?;
        let verifier = self.verifier();
        let state = self.store.read(move |tx| {
            let (size, note) = (tx.log_size()?, tx.last_checkpoint()?.unwrap_or_default());
            let vouched = match Checkpoint::open(&note, &verifier) {
                Ok(checkpoint) if checkpoint.size <= size => {
                    let same = Frontier::load(tx, checkpoint.size)?.root() == checkpoint.root;
                    same.then_some(checkpoint.size)
                }
                _ => None,
            };
            Ok(LogState { size, vouched, note })
        });
        Ok(state.await?)
    }

    /// Computes the tree over every entry anew, up to the newest checkpoint, and compares; that one's number of entries.
    pub async fn verify_log(&self, principal: &Principal) -> Result<u64, Error> {
        self.permit(principal, Action::ListAudit, Resource::All).await?;
        let broken = |reason: &str| Error::BrokenLog { reason: reason.to_owned() };
        let Some(note) = self.store.read(|tx| tx.last_checkpoint()).await? else {
            return Err(Error::Invalid("there is no checkpoint yet: try again in a second".to_owned()));
        };
        let checkpoint = Checkpoint::open(&note, &self.verifier());
        let checkpoint = checkpoint.map_err(|_| broken("its newest checkpoint is not genuine"))?;
        let mut tree = Frontier::default();
        while tree.size() < checkpoint.size {
            let (first, end) = (tree.size(), checkpoint.size);
            let leaves = self.store.read(move |tx| {
                let rows = tx.entries(first, 10_000, None)?;
                let wanted = rows.into_iter().zip(first..end).take_while(|(row, index)| row.index == *index);
                Ok(wanted.map(|(row, _)| Hash::of_leaf(&row.entry)).collect::<Vec<_>>())
            });
            let leaves = leaves.await?;
            if leaves.is_empty() {
                return Err(broken(&format!("entry {first} is missing")));
            }
            for leaf in leaves {
                tree.push(leaf, |_, _| {});
            }
        }
        if tree.root() != checkpoint.root {
            return Err(broken("its entries are not those of the newest checkpoint: see `ampoule audit verify`"));
        }
        Ok(checkpoint.size)
    }

    /// What is known of the vault's keys: names and times, which are no secret.
    pub async fn key_facts(&self) -> Result<KeyFacts, Error> {
        let facts = self.store.read(|tx| {
            let providers = tx.root_wraps()?.into_iter().map(|wrap| wrap.provider).collect();
            let first = tx.entries(0, FIRST_ENTRIES, None)?;
            let mut views = first.iter().filter_map(|row| View::of(&row.entry).ok());
            let made_at = views.find(|view| view.action == "vault.key.create").map(|view| view.at);
            Ok(KeyFacts { providers, made_at })
        });
        Ok(facts.await?)
    }
}
