//! Checkpoints (C2SP `tlog-checkpoint`): what the log was at some moment, in three lines.

use std::fmt;
use std::str::FromStr;

use super::{Hash, InvalidNote, NoteSigner, NoteVerifier};
use crate::domain::VaultId;

/// The size and root of a log at some moment. Whoever keeps one can tell whether a later log continues that one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log.
    pub origin: String,
    /// The number of entries.
    pub size: u64,
    /// The root of the tree over them.
    pub root: Hash,
}

/// The name of a vault's log, and of the key that signs its checkpoints.
pub fn origin(vault: VaultId) -> String {
    format!("ampoule/{vault}")
}

impl Checkpoint {
    /// The checkpoint as a signed note.
    pub fn sign(&self, signer: &NoteSigner) -> String {
        signer.sign(&self.to_string())
    }

    /// The checkpoint in a note that this log's key signed.
    pub fn open(note: &str, verifier: &NoteVerifier) -> Result<Self, InvalidCheckpoint> {
        let checkpoint: Self = verifier.open(note)?.parse()?;
        if checkpoint.origin != verifier.name() {
            return Err(InvalidCheckpoint::Origin { origin: checkpoint.origin });
        }
        Ok(checkpoint)
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}\n{}\n", self.origin, self.size, self.root)
    }
}

impl FromStr for Checkpoint {
    type Err = InvalidCheckpoint;

    fn from_str(text: &str) -> Result<Self, InvalidCheckpoint> {
        let mut lines = text.lines();
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
            return Err(InvalidCheckpoint::Form);
        };
        let form = || InvalidCheckpoint::Form;
        let size = size.parse().map_err(|_| form())?;
        let checkpoint = Self { origin: origin.to_owned(), size, root: root.parse().map_err(|_| form())? };
        // Another way to write the same would be another text under the signature. We write no extension lines.
        if checkpoint.to_string() == text { Ok(checkpoint) } else { Err(form()) }
    }
}

/// Why a note is no checkpoint of this log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCheckpoint {
    /// The note itself.
    #[error(transparent)]
    Note(#[from] InvalidNote),
    /// Its text is no checkpoint.
    #[error("the note holds no checkpoint: expected three lines, with origin, size and root")]
    Form,
    /// It is of another log.
    #[error("the checkpoint is of another log: {origin}")]
    Origin {
        /// The log that it is of.
        origin: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_signed_and_read_back() {
        let signer = NoteSigner::new(origin(VaultId::from_bytes([1; 16])), &[3; 32]);
        let name = signer.verifier().name().to_owned();
        let checkpoint = Checkpoint { origin: name.clone(), size: 7, root: Hash::of_leaf(b"x") };
        let text = checkpoint.to_string();
        assert_eq!(text, format!("{name}\n7\n{}\n", Hash::of_leaf(b"x")));
        assert_eq!(Checkpoint::open(&checkpoint.sign(&signer), &signer.verifier()), Ok(checkpoint));
        let other = signer.sign(&text.replace("ampoule/", "other/"));
        assert!(matches!(Checkpoint::open(&other, &signer.verifier()), Err(InvalidCheckpoint::Origin { .. })));
        for wrong in [text.replace("\n7\n", "\n07\n"), text.replace("\n7\n", "\n+7\n"), format!("{text}more\n")] {
            assert_eq!(wrong.parse::<Checkpoint>(), Err(InvalidCheckpoint::Form), "{wrong}");
        }
    }
}
