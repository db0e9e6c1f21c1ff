//! AES-256-GCM with a random nonce before the ciphertext.

use aes_gcm::aead::{Aead, KeyInit, Nonce, Payload};
use aes_gcm::{Aes256Gcm, Key as AesKey};

use super::key::random;
use super::{Key, KeyError};

/// Bytes of a nonce (NIST SP 800-38D, 8.2.2: random, 96 bits).
const NONCE: usize = 12;

/// Seals: nonce, ciphertext, tag.
pub(super) fn seal(key: &Key, associated: &[u8], plain: &[u8]) -> Result<Vec<u8>, KeyError> {
    let mut nonce = [0; NONCE];
    random(&mut nonce)?;
    let sealed = cipher(key)
        .encrypt(&Nonce::<Aes256Gcm>::from(nonce), Payload { msg: plain, aad: associated })
        .map_err(|_| KeyError::TooLong)?;
    Ok([nonce.as_slice(), &sealed].concat())
}

/// Opens what [`seal`] made; `None` if a bit of it, of the key or of the associated data differs.
pub(super) fn open(key: &Key, associated: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    let (nonce, rest) = sealed.split_first_chunk::<NONCE>()?;
    cipher(key).decrypt(&Nonce::<Aes256Gcm>::from(*nonce), Payload { msg: rest, aad: associated }).ok()
}

fn cipher(key: &Key) -> Aes256Gcm {
    let key: &AesKey<Aes256Gcm> = key.expose().into();
    Aes256Gcm::new(key)
}
