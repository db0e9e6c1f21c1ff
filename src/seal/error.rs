//! Why a key or a value could not be had.

use std::path::PathBuf;

use crate::domain::KekId;

/// Why the keys are not there.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The system's random generator failed.
    #[error("the system gives no random bytes: {reason}")]
    NoRandomness {
        /// What it said.
        reason: String,
    },
    /// More than AES-GCM seals at once.
    #[error("the value is too long to seal")]
    TooLong,
    /// The keyfile can't be read or made.
    #[error("the keyfile {} can't be used: {reason}\n{remedy}", path.display())]
    Keyfile {
        /// Its path.
        path: PathBuf,
        /// What is wrong.
        reason: String,
        /// What to do.
        remedy: &'static str,
    },
    /// No passphrase was to be had.
    #[error("no passphrase: {reason}\nGive it with --passphrase-file, as a systemd credential or at the prompt.")]
    NoPassphrase {
        /// What is wrong.
        reason: String,
    },
    /// The provider's key is not the one that wrapped the root key.
    #[error("{source_name} does not open this vault ({vault})\nGive the key that the vault was made with.")]
    WrongRootKey {
        /// The keyfile, or the passphrase.
        source_name: String,
        /// The vault's identity.
        vault: String,
    },
    /// The vault has no wrap for this provider.
    #[error("this vault ({vault}) was made with another root key provider: {found}\nSet root_key to that one.")]
    OtherProvider {
        /// The vault's identity.
        vault: String,
        /// The providers that it has.
        found: String,
    },
    /// A stored key was altered.
    #[error("the stored key {id} was altered and does not open\nRestore the database from a backup.")]
    AlteredKek {
        /// Which key.
        id: KekId,
    },
    /// The stored key that signs checkpoints was altered.
    #[error("the stored key of the audit log was altered and does not open\nRestore the database from a backup.")]
    AlteredAuditKey,
    /// The log had a key that signs its checkpoints.
    #[error(
        "the key that signs checkpoints of the audit log is missing from the database\nRestore the database from a backup."
    )]
    NoAuditKey,
    /// The stored parameters of a provider make no sense.
    #[error("the stored parameters of the root key provider are damaged\nRestore the database from a backup.")]
    DamagedParameters,
    /// The root key's wraps are not in the database.
    #[error("the root key is missing from the database\nRestore the database from a backup.")]
    NoRootKey,
    /// There is no active key-encryption key.
    #[error("the key ring has no active key\nRestore the database from a backup.")]
    NoActiveKek,
}

/// Why a sealed value did not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Something differs from what was sealed: the value, its key, or the place where it lies.
    #[error("its sealed value was altered, moved or replaced")]
    Altered,
    /// The key-encryption key is not in the ring.
    #[error("its key {id} is not in the key ring")]
    UnknownKek {
        /// Which key.
        id: KekId,
    },
    /// The format is not known to this program.
    #[error("its sealed form has the unknown format {format}")]
    UnknownFormat {
        /// The format byte.
        format: u8,
    },
    /// The audit log does not account for it.
    #[error("the audit log does not account for it")]
    NotRecorded,
}
