//! Opening the key ring, or making it at the first start.

use std::fs;
use std::io::{self, IsTerminal};
use std::path::Path;

use tokio::runtime::Runtime;
use zeroize::Zeroizing;

use super::Error;
use crate::config::RootKeySettings;
use crate::domain::{RootWrap, VaultId, WrappedKek};
use crate::seal::root::{self, Keyfile, Made, Passphrase, RootProvider};
use crate::seal::{KeyError, KeyRing, RootKey};
use crate::store::Store;

/// Unwraps the ring with the key that the settings name.
///
/// Runs before the event loop does: deriving a key from a passphrase takes a good part of a second.
pub(super) fn open(
    runtime: &Runtime,
    store: &Store,
    settings: &RootKeySettings,
    state: &Path,
) -> Result<KeyRing, Error> {
    let vault = store.vault_id();
    let stored =
        runtime.block_on(store.read(move |tx| {
            Ok(Stored { wraps: tx.root_wraps()?, keks: tx.keks()?, used: tx.log_size()? > 0, vault })
        }))?;
    match settings {
        RootKeySettings::Keyfile { path } => {
            let path = path.clone().unwrap_or_else(|| state.join("root.key"));
            stored.open_or_make(runtime, store, &keyfile(&path, stored.is_new())?)
        }
        RootKeySettings::Passphrase { file } => {
            stored.open_or_make(runtime, store, &passphrase(file.as_deref(), stored.is_new())?)
        }
    }
}

struct Stored {
    wraps: Vec<RootWrap>,
    keks: Vec<WrappedKek>,
    used: bool,
    vault: VaultId,
}

impl Stored {
    /// A vault that has a log had keys: making others would only hide that they are lost.
    fn is_new(&self) -> bool {
        self.wraps.is_empty() && self.keks.is_empty() && !self.used
    }

    fn open_or_make<P: RootProvider>(&self, runtime: &Runtime, store: &Store, provider: &P) -> Result<KeyRing, Error> {
        if !self.is_new() {
            return Ok(root::unwrap(provider, self.vault, &self.wraps)?.unwrap_ring(&self.keks)?);
        }
        let (root_key, wrap): (RootKey, RootWrap) = root::make(provider, self.vault)?;
        let kek = root_key.make_kek()?;
        let ring = root_key.unwrap_ring(std::slice::from_ref(&kek))?;
        runtime.block_on(store.write(move |tx| {
            tx.insert_root_wrap(&wrap)?;
            tx.insert_kek(&kek)
        }))?;
        Ok(ring)
    }
}

fn keyfile(path: &Path, new: bool) -> Result<Keyfile, Error> {
    if !new {
        return Ok(Keyfile::read(path)?);
    }
    Ok(match Keyfile::read_or_make(path)? {
        Made::Found(keyfile) => keyfile,
        Made::New(keyfile) => {
            tracing::warn!(
                keyfile = %path.display(),
                "root key made: keep a copy of this file elsewhere, whoever loses it loses every secret in the vault"
            );
            keyfile
        }
    })
}

fn passphrase(file: Option<&Path>, new: bool) -> Result<Passphrase, Error> {
    let text = match file {
        Some(path) => {
            Zeroizing::new(fs::read(path).map_err(|source| Error::PassphraseFile { path: path.to_owned(), source })?)
        }
        None => prompt(new).map_err(|error| KeyError::NoPassphrase { reason: error.to_string() })?,
    };
    Ok(Passphrase::new(text)?)
}

fn prompt(new: bool) -> io::Result<Zeroizing<Vec<u8>>> {
    if !io::stdin().is_terminal() {
        return Err(io::Error::other("there is no terminal to ask at"));
    }
    let ask = |question: &str| rpassword::prompt_password(question).map(Zeroizing::new);
    let first = ask("Passphrase of the vault: ")?;
    if new && *first != *ask("The same again: ")? {
        return Err(io::Error::other("the two entries differ"));
    }
    Ok(Zeroizing::new(first.as_bytes().to_vec()))
}
