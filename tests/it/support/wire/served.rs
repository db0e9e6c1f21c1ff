//! A daemon to be called.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::client::{Client, Protocol};
use crate::support::daemon::Daemon;
use crate::support::rig::temporary_folder;

/// A daemon in a folder of its own.
pub(crate) struct Served {
    pub(crate) daemon: Daemon,
    folder: TempDir,
}

impl Served {
    pub(crate) fn start() -> Self {
        let folder = temporary_folder();
        Self { daemon: Daemon::start(folder.path()), folder }
    }

    pub(crate) fn client(&self, protocol: Protocol) -> Client {
        Client::new(&self.daemon.socket(), protocol)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.daemon.state().join("vault.db")
    }

    /// The write-ahead log: what is not in the database yet.
    pub(crate) fn log(&self) -> PathBuf {
        self.daemon.state().join("vault.db-wal")
    }

    /// The bytes of both.
    pub(crate) fn at_rest(&self) -> Vec<u8> {
        // In this order, in which what moves meanwhile is seen twice and not missed.
        [self.log(), self.database()].iter().flat_map(|file| fs::read(file).unwrap_or_default()).collect()
    }
}

/// Prints the daemon's last words with a test that failed.
impl Drop for Served {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let _ = writeln!(io::stderr(), "--- the daemon's log\n{}---", self.daemon.log_text());
        }
    }
}
