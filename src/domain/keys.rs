//! Keys and values as they lie at rest: wrapped, sealed, opaque. `seal` knows what is inside.

use std::fmt;

/// Which key-encryption key wrapped a data key: 16 bytes that are derived from the key itself, and so commit to it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KekId([u8; 16]);

impl KekId {
    /// The identifier's length in bytes.
    pub const LEN: usize = 16;

    /// The identifier of these bytes.
    pub fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

impl fmt::Display for KekId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("kek_")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KekId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Where a key is in its life (NIST SP 800-57 part 1, section 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KekState {
    /// Wraps new data keys and unwraps old ones.
    Active,
    /// Only unwraps.
    Deactivated,
}

/// A key-encryption key, wrapped by the root key.
#[derive(Clone, PartialEq, Eq)]
pub struct WrappedKek {
    /// Which key it is.
    pub id: KekId,
    /// Where it is in its life.
    pub state: KekState,
    /// The wrapped key.
    pub wrapped: Vec<u8>,
}

/// The key that signs checkpoints of the audit log (Ed25519), wrapped by the root key.
#[derive(Clone, PartialEq, Eq)]
pub struct WrappedAuditKey {
    /// The public key, which checks what the private one signs.
    pub public: [u8; 32],
    /// The wrapped private key.
    pub wrapped: Vec<u8>,
}

/// The root key, wrapped by what a root key provider holds. Several may stand side by side.
#[derive(Clone, PartialEq, Eq)]
pub struct RootWrap {
    /// `keyfile` or `passphrase`.
    pub provider: String,
    /// What the provider needs to derive its wrapping key again, such as a salt and costs. Not secret.
    pub parameters: String,
    /// The wrapped key.
    pub wrapped: Vec<u8>,
}

/// A value at rest.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedValue {
    /// The data key, wrapped by a key-encryption key. Destroying it destroys the value.
    pub wrapped_dek: Vec<u8>,
    /// The value, sealed by the data key.
    pub ciphertext: Vec<u8>,
}
