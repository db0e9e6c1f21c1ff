//! The key that signs checkpoints of the audit log: apart from those that protect values, and under the root key too.

use super::{Key, KeyError, RootKey, aead, context, envelope};
use crate::audit::{NoteSigner, origin};
use crate::domain::{SecretBytes, WrappedAuditKey};

impl RootKey {
    /// Makes a key that signs checkpoints, and wraps it.
    pub fn make_audit_key(&self) -> Result<WrappedAuditKey, KeyError> {
        let seed = Key::generate()?;
        let public = *self.signer(&seed).verifier().public();
        let associated = context::of_audit_key(envelope::FORMAT, self.vault, &public);
        let wrapped = aead::seal(&self.audit_wrapping_key(), &associated, seed.expose())?;
        Ok(WrappedAuditKey { public, wrapped: [&[envelope::FORMAT], wrapped.as_slice()].concat() })
    }

    /// Unwraps it. It must be the one that its public key names.
    pub fn unwrap_audit_key(&self, key: &WrappedAuditKey) -> Result<NoteSigner, KeyError> {
        let associated = context::of_audit_key(envelope::FORMAT, self.vault, &key.public);
        let body = key.wrapped.strip_prefix(&[envelope::FORMAT]).ok_or(KeyError::AlteredAuditKey)?;
        let opened = aead::open(&self.audit_wrapping_key(), &associated, body).map(SecretBytes::from);
        let seed = opened.and_then(|bytes| Key::from_slice(bytes.expose())).ok_or(KeyError::AlteredAuditKey)?;
        let signer = self.signer(&seed);
        if *signer.verifier().public() == key.public { Ok(signer) } else { Err(KeyError::AlteredAuditKey) }
    }

    fn signer(&self, seed: &Key) -> NoteSigner {
        NoteSigner::new(origin(self.vault), seed.expose())
    }

    fn audit_wrapping_key(&self) -> Key {
        self.key.derive(self.vault.as_bytes(), "ampoule/v1/wrap-audit-key")
    }
}
