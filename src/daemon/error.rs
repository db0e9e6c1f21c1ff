//! Why the daemon did not start.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::api::TlsError;
use crate::seal::KeyError;
use crate::store::StoreError;
use crate::vault;

/// Why the daemon did not start: a cause line, then a remedy line.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The log level makes no sense.
    #[error("log.level \"{level}\" is not understood: {reason}\nUse error, warn, info, debug or trace.")]
    LogLevel {
        /// What was given.
        level: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The state directory can't be used.
    #[error("the state directory {} can't be used: {reason}\nSet --state-dir or AMPOULE_STATE_DIR to a folder of the daemon's own.", path.display())]
    StateDir {
        /// Its path.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Another daemon has the state directory.
    #[error("another daemon is using {}\nStop it first, or set --state-dir to another folder.", path.display())]
    InUse {
        /// The state directory.
        path: PathBuf,
    },
    /// The socket can't be made.
    #[error("the socket {} can't be made: {reason}\nSet --socket or AMPOULE_SOCKET to a path in a folder that exists or can be made.", path.display())]
    Socket {
        /// Its path.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// What systemd passed is of no use.
    #[error(
        "the socket that systemd passed can't be used: {reason}\nSet ListenStream= in the socket unit to an absolute path."
    )]
    Activation {
        /// What is wrong.
        reason: String,
    },
    /// Another daemon listens there.
    #[error("another daemon listens on {}\nStop it first, or set --socket to another path.", path.display())]
    SocketInUse {
        /// The socket's path.
        path: PathBuf,
    },
    /// No engine can be used.
    #[error("containers can't be started: {reason}\nSee `instances` in the settings.")]
    Engine {
        /// What is wrong.
        reason: String,
    },
    /// An address can't be listened on.
    #[error("{address} can't be listened on: {source}\nGive listen another address, or end what uses it.")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// A certificate can't be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The process can't protect itself.
    #[error("the process can't be hardened ({what}): {reason}")]
    Harden {
        /// Which step.
        what: &'static str,
        /// What the kernel said.
        reason: String,
    },
    /// The passphrase file can't be read.
    #[error("the passphrase file {} can't be used: {source}\nMake it a file with mode 0400, owned by the daemon's user or root.", path.display())]
    PassphraseFile {
        /// Its path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A key can't be had.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The store can't be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The audit log is not what it was.
    #[error("{error}\nLook with `ampoule audit verify --database {}`; restore a backup, and keep the damaged file.", database.display())]
    Log {
        /// The database's file.
        database: PathBuf,
        /// What is wrong.
        error: vault::Error,
    },
    /// Threads, timers or signals can't be had.
    #[error("the daemon can't run: {0}")]
    Runtime(io::Error),
}
