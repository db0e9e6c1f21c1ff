//! The four files, each of which is there whole or not at all.

use std::fs::{self, DirBuilder, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;
use zeroize::Zeroizing;

use super::CliError;

/// `tls/` in the state directory, where the daemon's settings expect what they don't name.
pub(super) struct Folder {
    path: PathBuf,
    /// The state directory's: the daemon must be able to read what somebody else makes for it.
    owner: (u32, u32),
}

impl Folder {
    /// Makes it, if it isn't there.
    pub(super) fn open(state_dir: &Path) -> Result<Self, CliError> {
        let path = state_dir.join("tls");
        let made = || {
            DirBuilder::new().recursive(true).mode(0o700).create(&path)?;
            let meta = fs::metadata(state_dir)?;
            let owner = (meta.uid(), meta.gid());
            give(&path, owner)?;
            Ok(owner)
        };
        let owner = made().map_err(|error| CliError::Write { path: path.clone(), error })?;
        Ok(Self { path, owner })
    }

    pub(super) fn certificate(&self) -> PathBuf {
        self.path.join("server.crt")
    }

    pub(super) fn authority_certificate(&self) -> PathBuf {
        self.path.join("ca.crt")
    }

    pub(super) fn authority_key(&self) -> PathBuf {
        self.path.join("ca.key")
    }

    fn names(&self) -> PathBuf {
        self.path.join("names")
    }

    /// The names of the certificate that is there.
    pub(super) fn read_names(&self) -> Vec<String> {
        fs::read_to_string(self.names()).unwrap_or_default().lines().map(str::to_owned).collect()
    }

    pub(super) fn has_certificate(&self) -> bool {
        self.certificate().exists()
    }

    /// The certificate and key of the authority that is there.
    pub(super) fn authority(&self) -> Result<Option<(String, Zeroizing<String>)>, CliError> {
        let read = |path: PathBuf| match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(Zeroizing::new(text))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(CliError::Read { path, error }),
        };
        match (read(self.authority_certificate())?, read(self.authority_key())?) {
            (None, None) => Ok(None),
            (Some(certificate), Some(key)) => Ok(Some((String::clone(&certificate), key))),
            _ => Err(CliError::Input {
                path: self.path.clone(),
                reason: "it has one of ca.crt and ca.key: put the other back, or remove both for a new authority"
                    .to_owned(),
            }),
        }
    }

    pub(super) fn write_authority(&self, certificate: &str, key: &str) -> Result<(), CliError> {
        // The key first: whoever is interrupted here starts anew.
        self.write(&self.authority_key(), key, 0o600)?;
        self.write(&self.authority_certificate(), certificate, 0o644)
    }

    /// A daemon that reads one of them too early keeps what it has until both fit.
    pub(super) fn write_server(&self, certificate: &str, key: &str, names: &[String]) -> Result<(), CliError> {
        self.write(&self.names(), &(names.join("\n") + "\n"), 0o644)?;
        self.write(&self.path.join("server.key"), key, 0o600)?;
        self.write(&self.certificate(), certificate, 0o644)
    }

    fn write(&self, path: &Path, text: &str, mode: u32) -> Result<(), CliError> {
        let written = || {
            let mut file = NamedTempFile::new_in(&self.path)?;
            file.write_all(text.as_bytes())?;
            file.as_file().set_permissions(Permissions::from_mode(mode))?;
            give(file.path(), self.owner)?;
            file.as_file().sync_all()?;
            file.persist(path)?;
            Ok(())
        };
        written().map_err(|error: io::Error| CliError::Write { path: path.to_owned(), error })
    }
}

/// Only root can give, and only root has to.
fn give(path: &Path, (uid, gid): (u32, u32)) -> io::Result<()> {
    let meta = fs::metadata(path)?;
    if (meta.uid(), meta.gid()) == (uid, gid) { Ok(()) } else { chown(path, Some(uid), Some(gid)) }
}
