//! The bytes of a sealed value.
//!
//! ```text
//! wrapped data key:  format (1) | kek id (16) | nonce (12) | data key under the kek (32) | tag (16)
//! value:             format (1) | commitment to the data key (32) | nonce (12) | value under the data key | tag (16)
//! ```
//!
//! GCM alone doesn't commit to its key, so each part names its key by bytes derived from it, and these are compared
//! before anything is opened.

use super::context::SealContext;
use super::{Key, KeyError, OpenError, aead};
use crate::domain::{KekId, SealedValue, SecretBytes};

/// The version of the format.
pub(super) const FORMAT: u8 = 1;

const COMMITMENT: usize = 32;

/// Seals a value under a fresh data key, and that under a key-encryption key.
pub(super) fn seal(
    context: &SealContext<'_>,
    kek_id: KekId,
    kek: &Key,
    value: &SecretBytes,
) -> Result<SealedValue, KeyError> {
    let dek = Key::generate()?;
    let wrapped = aead::seal(kek, &context.of_data_key(FORMAT, kek_id), dek.expose())?;
    let value = aead::seal(&value_key(&dek), &context.of_value(FORMAT), value.expose())?;
    Ok(SealedValue {
        wrapped_dek: [&[FORMAT], kek_id.as_bytes().as_slice(), &wrapped].concat(),
        ciphertext: [&[FORMAT], commitment(&dek).as_slice(), &value].concat(),
    })
}

/// Which key-encryption key wrapped a value's data key.
pub(super) fn kek_id(sealed: &SealedValue) -> Result<KekId, OpenError> {
    let (format, rest) = sealed.wrapped_dek.split_first().ok_or(OpenError::Altered)?;
    known(*format)?;
    let id = rest.first_chunk().ok_or(OpenError::Altered)?;
    Ok(KekId::from_bytes(*id))
}

/// Opens what [`seal`] made.
pub(super) fn open(
    context: &SealContext<'_>,
    kek_id: KekId,
    kek: &Key,
    sealed: &SealedValue,
) -> Result<SecretBytes, OpenError> {
    let (dek, value) = unwrap(context, kek_id, kek, sealed)?;
    let value = aead::open(&value_key(&dek), &context.of_value(FORMAT), value).ok_or(OpenError::Altered)?;
    Ok(SecretBytes::from(value))
}

/// Unwraps the data key, whose associated data is the place where it lies, and returns it with the value that it
/// commits to, still sealed.
pub(super) fn unwrap<'a>(
    context: &SealContext<'_>,
    kek_id: KekId,
    kek: &Key,
    sealed: &'a SealedValue,
) -> Result<(Key, &'a [u8]), OpenError> {
    let wrapped = sealed.wrapped_dek.get(1 + KekId::LEN..).ok_or(OpenError::Altered)?;
    let dek = aead::open(kek, &context.of_data_key(FORMAT, kek_id), wrapped).map(SecretBytes::from);
    let dek = dek.and_then(|bytes| Key::from_slice(bytes.expose())).ok_or(OpenError::Altered)?;

    let (format, rest) = sealed.ciphertext.split_first().ok_or(OpenError::Altered)?;
    known(*format)?;
    let (committed, value) = rest.split_first_chunk::<COMMITMENT>().ok_or(OpenError::Altered)?;
    if *committed == commitment(&dek) { Ok((dek, value)) } else { Err(OpenError::Altered) }
}

fn known(format: u8) -> Result<(), OpenError> {
    if format == FORMAT { Ok(()) } else { Err(OpenError::UnknownFormat { format }) }
}

fn value_key(dek: &Key) -> Key {
    dek.derive(&[], "ampoule/v1/value")
}

fn commitment(dek: &Key) -> [u8; COMMITMENT] {
    dek.commitment(&[], "ampoule/v1/data-key-commitment")
}
