//! 256-bit keys.

use std::io;

use hkdf::Hkdf;
use sha2::Sha256;

use super::KeyError;
use crate::domain::KeyBytes;

/// A 256-bit key, wiped when dropped. No `Debug`, no `Clone`.
pub struct Key(KeyBytes);

impl Key {
    /// The length in bytes.
    pub const LEN: usize = KeyBytes::LEN;

    /// A new key from the system's random generator.
    pub fn generate() -> Result<Self, KeyError> {
        let mut key = KeyBytes::zero();
        random(key.expose_mut())?;
        Ok(Self(key))
    }

    /// The key of these bytes, if there are as many as there must be.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        let mut key = KeyBytes::zero();
        (bytes.len() == Self::LEN).then(|| key.expose_mut().copy_from_slice(bytes))?;
        Some(Self(key))
    }

    /// Keeps it out of swap and dumps from now on. A key that can't be stays usable.
    pub(super) fn lock(&mut self) -> io::Result<()> {
        self.0.lock()
    }

    /// A key derived from this one for one purpose: HKDF-SHA-256 (RFC 5869) with `purpose` as `info`.
    pub(super) fn derive(&self, salt: &[u8], purpose: &str) -> Self {
        let mut derived = KeyBytes::zero();
        self.expand(salt, purpose.as_bytes(), derived.expose_mut());
        Self(derived)
    }

    /// Public bytes that commit to this key: another key with the same ones can't be found.
    pub(super) fn commitment<const N: usize>(&self, salt: &[u8], purpose: &str) -> [u8; N] {
        let mut bytes = [0; N];
        self.expand(salt, purpose.as_bytes(), &mut bytes);
        bytes
    }

    /// Public bytes about a message that nobody can tell without this key: HKDF's expansion is a pseudorandom function of
    /// its `info`. For a key that was derived for nothing else.
    pub(super) fn authenticate(&self, message: &[u8]) -> [u8; 32] {
        let mut tag = [0; 32];
        self.expand(&[], message, &mut tag);
        tag
    }

    /// The same for a key that is used so often that each step counts: this one is uniform already, so nothing has to be
    /// extracted from it (RFC 5869, section 3.3).
    pub(super) fn authenticate_often(&self, message: &[u8]) -> [u8; 32] {
        let mut tag = [0; 32];
        // Fails only for a key shorter than a hash, and above 255 blocks of output; ours is one.
        let _ = Hkdf::<Sha256>::from_prk(self.expose()).map(|key| key.expand(message, &mut tag));
        tag
    }

    /// The key's bytes.
    pub(super) fn expose(&self) -> &[u8; Self::LEN] {
        self.0.expose()
    }

    fn expand(&self, salt: &[u8], info: &[u8], output: &mut [u8]) {
        debug_assert!(output.len() <= 255 * 32, "RFC 5869, 2.3");
        // Fails only above 255 blocks of output; ours is one.
        let _ = Hkdf::<Sha256>::new(Some(salt), self.expose()).expand(info, output);
    }
}

/// Fills a buffer from the system's random generator.
pub(super) fn random(buffer: &mut [u8]) -> Result<(), KeyError> {
    getrandom::fill(buffer).map_err(|error| KeyError::NoRandomness { reason: error.to_string() })
}
