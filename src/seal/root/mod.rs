//! Where the root key comes from.
//!
//! A provider holds a key of its own, and that wraps the root key; several wraps may stand side by side.

mod keyfile;
mod passphrase;

pub use keyfile::{Keyfile, Made};
pub use passphrase::Passphrase;

use super::context;
use super::{Key, KeyError, RootKey, aead};
use crate::domain::{RootWrap, SecretBytes, VaultId};

/// The version of a wrap's format.
const FORMAT: u8 = 1;

/// Something that can wrap and unwrap the root key.
pub trait RootProvider {
    /// The name that the wrap is stored under.
    const NAME: &'static str;

    /// What an error calls the provider's key.
    fn describe(&self) -> String;

    /// Parameters for a new wrap; not secret.
    fn parameters(&self) -> Result<String, KeyError>;

    /// The wrapping key under these parameters.
    fn wrapping_key(&self, vault: VaultId, parameters: &str) -> Result<Key, KeyError>;
}

/// Makes a root key and its wrap.
pub fn make<P: RootProvider>(provider: &P, vault: VaultId) -> Result<(RootKey, RootWrap), KeyError> {
    let key = Key::generate()?;
    let parameters = provider.parameters()?;
    let associated = context::of_root(FORMAT, vault, P::NAME, &parameters);
    let wrapped = aead::seal(&provider.wrapping_key(vault, &parameters)?, &associated, key.expose())?;
    let wrapped = [&[FORMAT], wrapped.as_slice()].concat();
    Ok((RootKey::new(key, vault), RootWrap { provider: P::NAME.to_owned(), parameters, wrapped }))
}

/// Unwraps the root key with the wrap of this provider.
pub fn unwrap<P: RootProvider>(provider: &P, vault: VaultId, wraps: &[RootWrap]) -> Result<RootKey, KeyError> {
    if wraps.is_empty() {
        return Err(KeyError::NoRootKey);
    }
    let mut wrong = None;
    for wrap in wraps.iter().filter(|wrap| wrap.provider == P::NAME) {
        let key = provider.wrapping_key(vault, &wrap.parameters)?;
        let associated = context::of_root(FORMAT, vault, P::NAME, &wrap.parameters);
        let body = wrap.wrapped.strip_prefix(&[FORMAT]);
        let opened = body.and_then(|body| aead::open(&key, &associated, body)).map(SecretBytes::from);
        if let Some(key) = opened.and_then(|bytes| Key::from_slice(bytes.expose())) {
            return Ok(RootKey::new(key, vault));
        }
        wrong = Some(KeyError::WrongRootKey { source_name: provider.describe(), vault: vault.to_string() });
    }
    Err(wrong.unwrap_or_else(|| {
        let found: Vec<&str> = wraps.iter().map(|wrap| wrap.provider.as_str()).collect();
        KeyError::OtherProvider { vault: vault.to_string(), found: found.join(", ") }
    }))
}
