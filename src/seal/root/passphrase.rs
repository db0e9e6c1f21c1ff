//! A key derived from what a person remembers.

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::RootProvider;
use crate::domain::{SecretBytes, VaultId};
use crate::seal::key::random;
use crate::seal::{Key, KeyError};

/// A passphrase; Argon2id (RFC 9106) makes a wrapping key of it.
pub struct Passphrase(SecretBytes);

/// Costs and salt of one derivation, stored beside the wrap so that they can be raised later.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Costs {
    /// Memory in KiB.
    m: u32,
    /// Passes over the memory.
    t: u32,
    /// Lanes.
    p: u32,
    /// At least 16 bytes, base64.
    salt: String,
}

impl Passphrase {
    /// A passphrase as it was typed or read; one line ending is not part of it.
    pub fn new(mut text: Zeroizing<Vec<u8>>) -> Result<Self, KeyError> {
        for ending in [b'\n', b'\r'] {
            if text.last() == Some(&ending) {
                text.pop();
            }
        }
        if text.is_empty() {
            return Err(KeyError::NoPassphrase { reason: "it is empty".to_owned() });
        }
        Ok(Self(SecretBytes::from(std::mem::take(&mut *text))))
    }
}

impl RootProvider for Passphrase {
    const NAME: &'static str = "passphrase";

    fn describe(&self) -> String {
        "the passphrase".to_owned()
    }

    fn parameters(&self) -> Result<String, KeyError> {
        let mut salt = [0; 16];
        random(&mut salt)?;
        // RFC 9106, section 4, second recommended option.
        let costs = Costs { m: 64 * 1024, t: 3, p: 4, salt: STANDARD.encode(salt) };
        serde_json::to_string(&costs).map_err(|_| KeyError::DamagedParameters)
    }

    fn wrapping_key(&self, vault: VaultId, parameters: &str) -> Result<Key, KeyError> {
        let costs: Costs = serde_json::from_str(parameters).map_err(|_| KeyError::DamagedParameters)?;
        let salt = STANDARD.decode(&costs.salt).map_err(|_| KeyError::DamagedParameters)?;
        // Damaged parameters must not take all the memory there is.
        let bounded = costs.m <= 4 * 1024 * 1024 && costs.t <= 100 && costs.p <= 64;
        let params = Params::new(costs.m, costs.t, costs.p, Some(Key::LEN)).ok().filter(|_| bounded);
        let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.ok_or(KeyError::DamagedParameters)?);
        let mut derived = Zeroizing::new([0; Key::LEN]);
        argon.hash_password_into(self.0.expose(), &salt, derived.as_mut()).map_err(|_| KeyError::DamagedParameters)?;
        let key = Key::from_slice(derived.as_slice()).ok_or(KeyError::DamagedParameters)?;
        Ok(key.derive(vault.as_bytes(), "ampoule/v1/passphrase"))
    }
}
