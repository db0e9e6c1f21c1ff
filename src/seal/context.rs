//! What a sealed value is bound to.

use sha2::{Digest, Sha256};

use crate::domain::{KekId, Labels, ObjectId, VaultId, VersionInfo};

/// Where a value belongs. All of it is associated data: a value that is moved to another place doesn't open there.
#[derive(Clone, Copy)]
pub struct SealContext<'a> {
    /// The vault.
    pub vault: VaultId,
    /// The secret.
    pub object: &'a ObjectId,
    /// The version, and when it was stored.
    pub version: VersionInfo,
    /// Whether the value may leave through the API.
    pub revealable: bool,
    /// The secret's labels.
    pub labels: &'a Labels,
}

impl SealContext<'_> {
    /// The associated data of the value itself. It doesn't name the key-encryption key, so that a data key can be
    /// wrapped anew without touching the value.
    pub(super) fn of_value(&self, format: u8) -> Vec<u8> {
        self.encode(format, "value", &[])
    }

    /// The associated data of the wrapped data key.
    pub(super) fn of_data_key(&self, format: u8, kek: KekId) -> Vec<u8> {
        self.encode(format, "data-key", kek.as_bytes())
    }

    fn encode(&self, format: u8, purpose: &str, kek: &[u8]) -> Vec<u8> {
        fields(&[
            &[format],
            purpose.as_bytes(),
            self.vault.as_bytes(),
            self.object.as_str().as_bytes(),
            &self.version.version.get().to_be_bytes(),
            &self.version.created_at.as_microsecond().to_be_bytes(),
            &[u8::from(self.revealable)],
            &digest(self.labels),
            kek,
        ])
    }
}

/// The associated data of a wrapped key-encryption key.
pub(super) fn of_kek(format: u8, vault: VaultId, kek: KekId) -> Vec<u8> {
    fields(&[&[format], b"key-encryption-key", vault.as_bytes(), kek.as_bytes()])
}

/// The associated data of the wrapped key that signs checkpoints.
pub(super) fn of_audit_key(format: u8, vault: VaultId, public: &[u8]) -> Vec<u8> {
    fields(&[&[format], b"audit-key", vault.as_bytes(), public])
}

/// The associated data of a wrapped root key.
pub(super) fn of_root(format: u8, vault: VaultId, provider: &str, parameters: &str) -> Vec<u8> {
    fields(&[&[format], b"root-key", vault.as_bytes(), provider.as_bytes(), parameters.as_bytes()])
}

/// Each field after its length as 32 bits, big-endian: no two lists of fields give the same bytes.
pub(super) fn fields(fields: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(fields.iter().map(|field| field.len() + 4).sum());
    for field in fields {
        bytes.extend(u32::try_from(field.len()).unwrap_or(u32::MAX).to_be_bytes());
        bytes.extend_from_slice(field);
    }
    bytes
}

fn digest(labels: &Labels) -> [u8; 32] {
    let mut hash = Sha256::new();
    for label in labels.iter() {
        hash.update(fields(&[label.name().as_bytes(), label.value().as_bytes()]));
    }
    hash.finalize().into()
}
