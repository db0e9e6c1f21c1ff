//! Proofs about the audit log, for whoever doesn't take its word.

use std::time::Duration;

use super::{Error, Vault};
use crate::audit::{self, Checkpoint, Hash, NoteVerifier};
use crate::authz::{Action, Principal, Resource};
use crate::store::{AuditRow, ReadTx, StoreError};

/// How often and how long a proof waits for a checkpoint that covers its entry; there is one every second.
const WAITS: u32 = 40;
const WAIT: Duration = Duration::from_millis(50);

/// An entry and the hashes that lead from it to a checkpoint's root.
pub struct Proven {
    /// The entry.
    pub row: AuditRow,
    /// From the leaf's sibling to a child of the root.
    pub path: Vec<Hash>,
    /// The signed note.
    pub checkpoint: String,
}

/// The hashes that show that a checkpoint's log continues an earlier one.
pub struct Continued {
    /// In the order of RFC 6962.
    pub path: Vec<Hash>,
    /// The signed note.
    pub checkpoint: String,
}

impl Vault {
    /// The key that checkpoints are checked with.
    pub fn verifier(&self) -> NoteVerifier {
        self.keys.signer.verifier()
    }

    /// The newest checkpoint, a signed note, if there is one yet.
    pub async fn last_checkpoint(&self, principal: &Principal) -> Result<Option<String>, Error> {
        self.permit(principal, Action::ListAudit, Resource::All).await?;
        Ok(self.store.read(|tx| tx.last_checkpoint()).await?)
    }

    /// The proof that the newest checkpoint covers an entry.
    pub async fn prove_inclusion(&self, principal: &Principal, index: u64) -> Result<Proven, Error> {
        self.permit(principal, Action::ListAudit, Resource::All).await?;
        for _ in 0..WAITS {
            let verifier = self.verifier();
            match self.store.read(move |tx| inclusion(tx, index, &verifier)).await? {
                Found::Proof(proof) => return Ok(proof),
                Found::Nothing => return Err(Error::Invalid(format!("index: the log has no entry {index} yet"))),
                Found::Broken => return Err(broken("a proof from it leads to another root than the signed one")),
                Found::NotCovered => tokio::time::sleep(WAIT).await,
            }
        }
        Err(broken("no checkpoint covers its newest entries"))
    }

    /// The proof that the log of the newest checkpoint continues the one over the first `old` entries.
    pub async fn prove_consistency(&self, principal: &Principal, old: u64) -> Result<Continued, Error> {
        self.permit(principal, Action::ListAudit, Resource::All).await?;
        let verifier = self.verifier();
        let proof = self.store.read(move |tx| {
            let Some((checkpoint, note)) = newest(tx, &verifier)? else { return Ok(None) };
            if !(1..=checkpoint.size).contains(&old) {
                return Ok(None);
            }
            Ok(Some(Continued { path: audit::consistency(tx, old, checkpoint.size)?, checkpoint: note }))
        });
        let refused =
            || Error::Invalid(format!("old_size: no checkpoint of at least {old} entries, or none before it"));
        proof.await?.ok_or_else(refused)
    }
}

enum Found {
    Proof(Proven),
    Nothing,
    NotCovered,
    Broken,
}

fn inclusion(tx: &mut dyn ReadTx, index: u64, verifier: &NoteVerifier) -> Result<Found, StoreError> {
    let Some(row) = tx.entries(index, 1, None)?.pop().filter(|row| row.index == index) else {
        return Ok(Found::Nothing);
    };
    let Some((checkpoint, note)) = newest(tx, verifier)?.filter(|(checkpoint, _)| index < checkpoint.size) else {
        return Ok(Found::NotCovered);
    };
    let path = audit::inclusion(tx, index, checkpoint.size)?;
    let leaf = Hash::of_leaf(&row.entry);
    if !audit::includes(checkpoint.root, checkpoint.size, index, leaf, &path) {
        return Ok(Found::Broken);
    }
    Ok(Found::Proof(Proven { row, path, checkpoint: note }))
}

fn newest(tx: &mut dyn ReadTx, verifier: &NoteVerifier) -> Result<Option<(Checkpoint, String)>, StoreError> {
    let Some(note) = tx.last_checkpoint()? else { return Ok(None) };
    // One that doesn't open covers nothing; the next start names it.
    Ok(Checkpoint::open(&note, verifier).ok().map(|checkpoint| (checkpoint, note)))
}

fn broken(reason: &str) -> Error {
    Error::BrokenLog { reason: reason.to_owned() }
}
