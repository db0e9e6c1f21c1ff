//! A key in a file that only its owner can read.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use nix::fcntl::OFlag;
use zeroize::Zeroizing;

use super::RootProvider;
use crate::domain::VaultId;
use crate::seal::{Key, KeyError};

/// What a keyfile begins with; the key follows in base64.
const PREFIX: &str = "ampoule-keyfile-v1:";

/// The content of a keyfile.
pub struct Keyfile {
    path: PathBuf,
    key: Key,
}

/// Whether the keyfile was there.
pub enum Made {
    /// It was read.
    Found(Keyfile),
    /// It was made now.
    New(Keyfile),
}

impl Keyfile {
    /// Reads a keyfile.
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let failed = |reason: String| KeyError::Keyfile {
            path: path.to_owned(),
            reason,
            remedy: "Restore it from its backup: without it nothing in the vault can be opened.",
        };
        // Without this flag a named pipe would keep us waiting before we can see that it is one.
        let opened = OpenOptions::new().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path);
        let mut file = opened.map_err(|error| failed(error.to_string()))?;
        check_owner(path, &file)?;
        let mut text = Zeroizing::new(String::new());
        Read::by_ref(&mut file).take(1024).read_to_string(&mut text).map_err(|error| failed(error.to_string()))?;
        let encoded = text
            .trim_end()
            .strip_prefix(PREFIX)
            .ok_or_else(|| failed(format!("it has {} bytes and does not begin with {PREFIX}", text.len())))?;
        let bytes = STANDARD.decode(encoded).map(Zeroizing::new).unwrap_or_default();
        let key = Key::from_slice(&bytes).ok_or_else(|| {
            failed(format!("it is truncated or damaged: {} characters of key, 44 expected", encoded.len()))
        })?;
        Ok(Self { path: path.to_owned(), key })
    }

    /// Reads the keyfile, or makes one that only the owner can read (mode 0400), durable before this returns.
    pub fn read_or_make(path: &Path) -> Result<Made, KeyError> {
        if path.try_exists().unwrap_or(true) {
            return Self::read(path).map(Made::Found);
        }
        let key = Key::generate()?;
        write(path, &key).map_err(|error| KeyError::Keyfile {
            path: path.to_owned(),
            reason: error.to_string(),
            remedy: "Make its folder writable for the daemon, or set root_key.keyfile to another path.",
        })?;
        Ok(Made::New(Self { path: path.to_owned(), key }))
    }
}

/// A key that others can read is no key.
fn check_owner(path: &Path, file: &File) -> Result<(), KeyError> {
    let failed = |reason: String| KeyError::Keyfile {
        path: path.to_owned(),
        reason,
        remedy: "Make it a regular file with mode 0400, owned by the daemon's user or root.",
    };
    let meta = file.metadata().map_err(|error| failed(error.to_string()))?;
    let own = [0, nix::unistd::geteuid().as_raw()].contains(&meta.uid());
    if !meta.is_file() || !own || meta.mode() & 0o077 != 0 {
        return Err(failed(format!("owner {}, mode {:04o}", meta.uid(), meta.mode() & 0o7777)));
    }
    Ok(())
}

/// Never a half-written keyfile, not even after power loss: written beside its name, synced, then linked to it.
fn write(path: &Path, key: &Key) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let draft = path.with_extension("draft");
    let _ = fs::remove_file(&draft);
    let encoded = Zeroizing::new(STANDARD.encode(key.expose()));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o400).open(&draft)?;
    file.write_all(PREFIX.as_bytes())?;
    file.write_all(encoded.as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    // Unlike a rename, a link never replaces a keyfile that appeared meanwhile.
    let linked = fs::hard_link(&draft, path);
    fs::remove_file(&draft)?;
    linked?;
    File::open(folder)?.sync_all()
}

impl RootProvider for Keyfile {
    const NAME: &'static str = "keyfile";

    fn describe(&self) -> String {
        format!("the keyfile {}", self.path.display())
    }

    fn parameters(&self) -> Result<String, KeyError> {
        Ok(String::new())
    }

    fn wrapping_key(&self, vault: VaultId, _: &str) -> Result<Key, KeyError> {
        Ok(self.key.derive(vault.as_bytes(), "ampoule/v1/keyfile"))
    }
}
