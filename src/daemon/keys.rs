//! Opening the key ring, or making it at the first start.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::sys::resource::{Resource, getrlimit};
use tokio::runtime::Runtime;
use zeroize::Zeroizing;

use super::Error;
use crate::audit::Entry;
use crate::config::RootKeySettings;
use crate::domain::{RootWrap, VaultId, WrappedAuditKey, WrappedKek};
use crate::seal::root::{self, Keyfile, Made as KeyfileMade, Passphrase, RootProvider};
use crate::seal::{KeyError, LogSeal, RootKey};
use crate::store::{ReadTx, Store, StoreError};
use crate::terminal::Hidden;
use crate::vault::{Keys, NewKeys};

/// What opens the root key, taken from where it is while every path is within reach. Whether it will do is asked later.
pub(super) enum Opener {
    Keyfile(Result<Keyfile, KeyError>),
    /// None is there: a new vault gets one.
    NoKeyfile(PathBuf),
    Passphrase(Result<Passphrase, Error>),
    Terminal(io::Result<Hidden>),
}

impl Opener {
    pub(super) fn find(settings: &RootKeySettings, state: &Path) -> Self {
        match settings {
            RootKeySettings::Keyfile { path } => {
                let path = path.clone().unwrap_or_else(|| state.join("root.key"));
                if path.try_exists().unwrap_or(true) {
                    Self::Keyfile(Keyfile::read(&path))
                } else {
                    Self::NoKeyfile(path)
                }
            }
            RootKeySettings::Passphrase { file: Some(path) } => Self::Passphrase(passphrase(path)),
            RootKeySettings::Passphrase { file: None } => Self::Terminal(Hidden::open()),
        }
    }

    /// The folder in which a keyfile may be made.
    pub(super) fn folder(&self) -> Option<&Path> {
        if let Self::NoKeyfile(path) = self { path.parent() } else { None }
    }
}

/// Unwraps the ring with the key that the settings name.
///
/// Runs before the event loop does: deriving a key from a passphrase takes a good part of a second.
pub(super) fn open(runtime: &Runtime, store: &Store, opener: Opener) -> Result<Opened, Error> {
    let stored = runtime.block_on(store.read(|tx| Stored::read(tx)))?;
    let unsealed = stored.open_with(opener);
    if unsealed.is_err() && !stored.is_new() {
        runtime.block_on(store.write(|tx| tx.append(&Entry::failed_unseal())))?;
    }
    let mut unsealed = unsealed?;
    lock(&mut unsealed.keys);
    Ok(unsealed)
}

/// A vault whose keys may reach the swap is better than none: whoever runs it is told.
fn lock(keys: &mut Keys) {
    if let Err(error) = keys.ring.lock().and_then(|()| keys.signer.lock()) {
        let limit = getrlimit(Resource::RLIMIT_MEMLOCK).map_or(0, |(soft, _)| soft);
        tracing::warn!(
            error = error.to_string(),
            limit,
            "keys can't be locked in memory and may get into the swap: raise RLIMIT_MEMLOCK, in a unit by LimitMEMLOCK="
        );
    }
}

/// The keys, before the log has been checked.
pub(super) struct Opened {
    pub(super) keys: Keys,
    /// Those that are not in the database yet.
    pub(super) new: NewKeys,
    pub(super) seal: LogSeal,
    /// Whether something must vouch for the log already.
    pub(super) vouched: bool,
}

/// What the database has of the keys.
struct Stored {
    wraps: Vec<RootWrap>,
    keks: Vec<WrappedKek>,
    audit_key: Option<WrappedAuditKey>,
    signed: bool,
    used: bool,
    vault: VaultId,
}

impl Stored {
    fn read(tx: &mut dyn ReadTx) -> Result<Self, StoreError> {
        Ok(Self {
            wraps: tx.root_wraps()?,
            keks: tx.keks()?,
            audit_key: tx.audit_key()?,
            signed: tx.last_checkpoint_size()?.is_some(),
            used: tx.log_size()? > 0,
            vault: tx.vault_id(),
        })
    }

    fn open_with(&self, opener: Opener) -> Result<Opened, Error> {
        match opener {
            Opener::Keyfile(keyfile) => self.open_or_make(&keyfile?),
            Opener::NoKeyfile(path) => self.open_or_make(&new_keyfile(&path, self.is_new())?),
            Opener::Passphrase(passphrase) => self.open_or_make(&passphrase?),
            Opener::Terminal(terminal) => {
                let typed = terminal.and_then(|terminal| ask(terminal, self.is_new()));
                let typed = typed.map_err(|error| KeyError::NoPassphrase { reason: error.to_string() })?;
                self.open_or_make(&Passphrase::new(typed)?)
            }
        }
    }

    /// A vault that has a log had keys: making others would only hide that they are lost.
    fn is_new(&self) -> bool {
        self.wraps.is_empty() && self.keks.is_empty() && !self.used
    }

    fn open_or_make<P: RootProvider>(&self, provider: &P) -> Result<Opened, Error> {
        let mut new = NewKeys::default();
        let mut root_key = if self.is_new() {
            let (root_key, wrap) = root::make(provider, self.vault)?;
            new.kek = Some(root_key.make_kek()?);
            new.root = Some(wrap);
            root_key
        } else {
            root::unwrap(provider, self.vault, &self.wraps)?
        };
        // If it can't be, the same is said of the ring.
        let _ = root_key.lock();
        let ring = match &new.kek {
            Some(kek) => root_key.unwrap_ring(std::slice::from_ref(kek))?,
            None => root_key.unwrap_ring(&self.keks)?,
        };
        let vouched = RootKey::are_vouched(&self.keks);
        if !vouched {
            new.marked = self.keks.iter().map(|kek| root_key.mark_vouched(kek)).collect::<Result<_, _>>()?;
        }
        // Only a vault that is older than checkpoints has no key for them yet.
        if self.audit_key.is_none() && (self.signed || vouched) {
            return Err(KeyError::NoAuditKey.into());
        }
        if self.audit_key.is_none() {
            new.audit_key = Some(root_key.make_audit_key()?);
        }
        let audit_key = self.audit_key.as_ref().or(new.audit_key.as_ref()).ok_or(KeyError::NoAuditKey)?;
        let signer = root_key.unwrap_audit_key(audit_key)?;
        Ok(Opened { keys: Keys { ring, signer }, new, seal: root_key.log_seal(), vouched })
    }
}

fn new_keyfile(path: &Path, new: bool) -> Result<Keyfile, Error> {
    if !new {
        return Ok(Keyfile::read(path)?);
    }
    Ok(match Keyfile::read_or_make(path)? {
        KeyfileMade::Found(keyfile) => keyfile,
        KeyfileMade::New(keyfile) => {
            tracing::warn!(
                keyfile = %path.display(),
                "root key made: keep a copy of this file elsewhere, whoever loses it loses every secret in the vault"
            );
            keyfile
        }
    })
}

fn passphrase(path: &Path) -> Result<Passphrase, Error> {
    let text = read_passphrase(path).map_err(|source| Error::PassphraseFile { path: path.to_owned(), source })?;
    Ok(Passphrase::new(text)?)
}

/// A passphrase that others know is none. systemd's credentials may be readable for the service's group.
fn read_passphrase(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    const MOST: u64 = 4096;
    let file = File::open(path)?;
    let meta = file.metadata()?;
    let own = [0, nix::unistd::geteuid().as_raw()].contains(&meta.uid());
    if !own || meta.mode() & 0o037 != 0 {
        let (owner, mode) = (meta.uid(), meta.mode() & 0o7777);
        return Err(io::Error::other(format!("it is not the daemon's alone (owner {owner}, mode {mode:04o})")));
    }
    // As large as it can get: a buffer that grows leaves its old content behind.
    let mut text = Zeroizing::new(Vec::with_capacity(4098));
    if file.take(MOST + 1).read_to_end(&mut text)? > 4096 {
        return Err(io::Error::other(format!("it is longer than {MOST} bytes")));
    }
    Ok(text)
}

fn ask(mut terminal: Hidden, new: bool) -> io::Result<Zeroizing<Vec<u8>>> {
    const QUESTION: &str = "Passphrase of the vault: ";
    if new {
        return terminal.ask_twice(QUESTION)?.ok_or_else(|| io::Error::other("the two entries differ"));
    }
    terminal.ask(QUESTION)
}
