//! The state directory, for one daemon at a time.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::Error;
use crate::domain::VaultId;
use crate::seal::KeyError;
use crate::store::Store;
use crate::store::sqlite::Sqlite;
use crate::vault;

/// A state directory that no other daemon uses.
pub(super) struct State {
    folder: PathBuf,
    _lock: File,
}

/// Makes the folder if need be and takes its lock, which the kernel gives back however the process ends.
pub(super) fn claim(folder: &Path) -> Result<State, Error> {
    let failed = |reason: String| Error::StateDir { path: folder.to_owned(), reason };
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|error| failed(error.to_string()))?;
    let meta = folder.metadata().map_err(|error| failed(error.to_string()))?;
    let uid = nix::unistd::geteuid().as_raw();
    if meta.uid() != uid {
        return Err(failed(format!("it belongs to user {}, the daemon runs as {uid}", meta.uid())));
    }
    if meta.mode() & 0o022 != 0 {
        return Err(failed(format!("others can write to it (mode {:04o})", meta.mode() & 0o7777)));
    }
    let lock = lock(&folder.join("lock")).map_err(|error| match error {
        TryLockError::WouldBlock => Error::InUse { path: folder.to_owned() },
        TryLockError::Error(error) => failed(error.to_string()),
    })?;
    Ok(State { folder: folder.to_owned(), _lock: lock })
}

fn lock(path: &Path) -> Result<File, TryLockError> {
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path);
    let file = file.map_err(TryLockError::Error)?;
    file.try_lock()?;
    Ok(file)
}

impl State {
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// What an error of the vault's log means to whoever starts the daemon.
    pub(super) fn log_error(&self, error: vault::Error) -> Error {
        match error {
            vault::Error::Store(error) => Error::Store(error),
            error => Error::Log { database: self.database(), error },
        }
    }

    fn database(&self) -> PathBuf {
        self.folder.join("vault.db")
    }

    pub(super) fn open_store(&self) -> Result<Store, Error> {
        let mut identity = [0; 16];
        let no_randomness = |error: getrandom::Error| KeyError::NoRandomness { reason: error.to_string() };
        getrandom::fill(&mut identity).map_err(no_randomness)?;
        let path = self.database();
        let new = !path.try_exists().unwrap_or(true);
        let store = Sqlite::open(&path, VaultId::from_bytes(identity))?;
        if new {
            // The database's name must survive power loss as its content does.
            let synced = File::open(&self.folder).and_then(|folder| folder.sync_all());
            synced
                .map_err(|error: io::Error| Error::StateDir { path: self.folder.clone(), reason: error.to_string() })?;
        }
        Ok(Store::new(store))
    }
}
