//! Why the store could not do it.

use std::path::PathBuf;

/// Why a job was not done. Nothing of it remains.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database can't be read or written now.
    #[error("the database {} can't be used now: {reason}", path.display())]
    Unavailable {
        /// The database's file.
        path: PathBuf,
        /// What the database said.
        reason: String,
    },
    /// The database's content is damaged.
    #[error("the database {} is damaged: {reason}\nRestore it from a backup; keep the damaged file.", path.display())]
    Damaged {
        /// The database's file.
        path: PathBuf,
        /// What the database said.
        reason: String,
    },
    /// A table, index or trigger is not the one that this program made.
    #[error(
        "the database {} is not as ampoule made it: {what}\nRestore it from a backup; keep the damaged file.",
        path.display()
    )]
    Schema {
        /// The database's file.
        path: PathBuf,
        /// Which one, and what is wrong with it.
        what: String,
    },
    /// What the database holds about a secret is nothing that this program wrote.
    #[error(
        "secret {object} can't be read, its row makes no sense: {reason}\nRestore the database from a backup; keep the damaged file."
    )]
    Malformed {
        /// The secret, as the row names it.
        object: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The database was written by a later version of this program.
    #[error("the database {} has schema {found}, this program knows {known}\nUpgrade ampoule.", path.display())]
    Newer {
        /// The database's file.
        path: PathBuf,
        /// The schema's version.
        found: u32,
        /// The newest version known here.
        known: u32,
    },
    /// The store has been stopped.
    #[error("the store is stopping")]
    Stopped,
}
