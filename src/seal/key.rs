//! 256-bit keys.

use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::KeyError;

/// A 256-bit key, wiped when dropped. No `Debug`, no `Clone`.
pub struct Key(Zeroizing<[u8; Self::LEN]>);

impl Key {
    /// The length in bytes.
    pub const LEN: usize = 32;

    /// A new key from the system's random generator.
    pub fn generate() -> Result<Self, KeyError> {
        let mut key = Self(Zeroizing::new([0; Self::LEN]));
        random(&mut *key.0)?;
        Ok(key)
    }

    /// The key of these bytes, if there are as many as there must be.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        let mut key = Self(Zeroizing::new([0; Self::LEN]));
        (bytes.len() == Self::LEN).then(|| key.0.copy_from_slice(bytes))?;
        Some(key)
    }

    /// A key derived from this one for one purpose: HKDF-SHA-256 (RFC 5869) with `purpose` as `info`.
    pub(super) fn derive(&self, salt: &[u8], purpose: &str) -> Self {
        let mut derived = Self(Zeroizing::new([0; Self::LEN]));
        self.expand(salt, purpose.as_bytes(), &mut *derived.0);
        derived
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

    /// The key's bytes.
    pub(super) fn expose(&self) -> &[u8; Self::LEN] {
        &self.0
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
