//! The root key and the ring of key-encryption keys.

use std::collections::BTreeMap;
use std::io;

use super::context::{self, SealContext};
use super::{Key, KeyError, OpenError, aead, envelope};
use crate::domain::{KekId, KekState, SealedValue, SecretBytes, VaultId, WrappedKek};
use crate::store::Recorded;

/// The format of a wrapped key-encryption key in a vault whose log is vouched for ([`super::LogSeal`]). A vault can't be
/// opened without these keys, and nobody else can wrap them as before: so it can't be made to pass for an older one, that
/// has nothing to vouch for its log yet.
const VOUCHED: u8 = 2;

/// The root key of a vault: wraps other keys and nothing else.
pub struct RootKey {
    pub(super) key: Key,
    pub(super) vault: VaultId,
}

impl RootKey {
    /// The root key of this vault.
    pub fn new(key: Key, vault: VaultId) -> Self {
        Self { key, vault }
    }

    /// Keeps it out of swap and dumps.
    pub fn lock(&mut self) -> io::Result<()> {
        self.key.lock()
    }

    /// Makes a key-encryption key and wraps it.
    pub fn make_kek(&self) -> Result<WrappedKek, KeyError> {
        let kek = Key::generate()?;
        self.wrap_kek(&kek, KekState::Active)
    }

    /// Wraps a key-encryption key once more, so that it says that the log of its vault is vouched for.
    pub fn mark_vouched(&self, wrapped: &WrappedKek) -> Result<WrappedKek, KeyError> {
        self.wrap_kek(&self.unwrap_kek(wrapped)?, wrapped.state)
    }

    /// Whether these say that the log of their vault is vouched for. What they say counts once they have been unwrapped.
    pub fn are_vouched(wrapped: &[WrappedKek]) -> bool {
        wrapped.iter().any(|kek| kek.wrapped.first() == Some(&VOUCHED))
    }

    fn wrap_kek(&self, kek: &Key, state: KekState) -> Result<WrappedKek, KeyError> {
        let id = kek_id(kek, self.vault);
        let associated = context::of_kek(VOUCHED, self.vault, id);
        let wrapped = aead::seal(&self.wrapping_key(), &associated, kek.expose())?;
        Ok(WrappedKek { id, state, wrapped: [&[VOUCHED], wrapped.as_slice()].concat() })
    }

    /// Unwraps the ring.
    pub fn unwrap_ring(&self, wrapped: &[WrappedKek]) -> Result<KeyRing, KeyError> {
        let keys: Result<BTreeMap<KekId, Key>, KeyError> =
            wrapped.iter().map(|kek| Ok((kek.id, self.unwrap_kek(kek)?))).collect();
        let active = wrapped.iter().find(|kek| kek.state == KekState::Active).ok_or(KeyError::NoActiveKek)?;
        Ok(KeyRing { keys: keys?, active: active.id })
    }

    fn unwrap_kek(&self, wrapped: &WrappedKek) -> Result<Key, KeyError> {
        let altered = || KeyError::AlteredKek { id: wrapped.id };
        let (format, body) = wrapped.wrapped.split_first().ok_or_else(altered)?;
        let associated = context::of_kek(*format, self.vault, wrapped.id);
        let opened = aead::open(&self.wrapping_key(), &associated, body).map(SecretBytes::from);
        opened
            .filter(|_| [envelope::FORMAT, VOUCHED].contains(format))
            .and_then(|bytes| Key::from_slice(bytes.expose()))
            .filter(|key| kek_id(key, self.vault) == wrapped.id)
            .ok_or_else(altered)
    }

    fn wrapping_key(&self) -> Key {
        self.key.derive(self.vault.as_bytes(), "ampoule/v1/wrap-kek")
    }
}

/// A key-encryption key's name is derived from it, so that it can't stand for another one.
fn kek_id(key: &Key, vault: VaultId) -> KekId {
    KekId::from_bytes(key.commitment(vault.as_bytes(), "ampoule/v1/kek-id"))
}

/// The key-encryption keys, unwrapped.
pub struct KeyRing {
    pub(super) keys: BTreeMap<KekId, Key>,
    pub(super) active: KekId,
}

impl KeyRing {
    /// Keeps the keys out of swap and dumps; one that can't be stays usable.
    pub fn lock(&mut self) -> io::Result<()> {
        self.keys.values_mut().try_for_each(Key::lock)
    }

    /// Seals a value for its place, under a data key of its own.
    pub fn seal(&self, context: &SealContext<'_>, value: &SecretBytes) -> Result<SealedValue, KeyError> {
        let kek = self.keys.get(&self.active).ok_or(KeyError::NoActiveKek)?;
        envelope::seal(context, self.active, kek, value)
    }

    /// Opens a value, given the proof that the log accounts for it.
    pub fn open(
        &self,
        context: &SealContext<'_>,
        sealed: &SealedValue,
        recorded: &Recorded,
    ) -> Result<SecretBytes, OpenError> {
        if !recorded.covers(context.object, context.version.version) {
            return Err(OpenError::NotRecorded);
        }
        let (id, kek) = self.kek_of(sealed)?;
        envelope::open(context, id, kek, sealed)
    }

    /// Checks that a sealed value lies where it was sealed, with everything that it was sealed for. The value stays
    /// sealed, so this needs no proof; nor does it notice damage of the value alone.
    pub fn verify(&self, context: &SealContext<'_>, sealed: &SealedValue) -> Result<(), OpenError> {
        let (id, kek) = self.kek_of(sealed)?;
        envelope::unwrap(context, id, kek, sealed).map(drop)
    }

    fn kek_of(&self, sealed: &SealedValue) -> Result<(KekId, &Key), OpenError> {
        let id = envelope::kek_id(sealed)?;
        let kek = self.keys.get(&id).ok_or(OpenError::UnknownKek { id })?;
        Ok((id, kek))
    }
}
