//! How a message carries a secret value.

use std::fmt;
use std::ops::Deref;

use buffa::DecodeError;
use buffa::types::{ProtoString, WirePayload};
use zeroize::Zeroizing;

use crate::secret::SecretBytes;

/// The text of a `string` field that carries a secret value: wiped when dropped, and never shown by `Debug`.
///
/// `Clone` and `PartialEq` exist because generated messages need them.
#[derive(Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "json", serde(transparent))]
pub struct SecretText(Zeroizing<String>);

impl SecretText {
    /// Moves the content out, leaving nothing behind.
    pub fn into_secret(mut self) -> SecretBytes {
        SecretBytes::from(std::mem::take(&mut *self.0))
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl Deref for SecretText {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for SecretText {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl From<String> for SecretText {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl From<&str> for SecretText {
    fn from(text: &str) -> Self {
        Self(Zeroizing::new(text.to_owned()))
    }
}

impl TryFrom<SecretBytes> for SecretText {
    type Error = NotUtf8;

    /// Takes the buffer over; nothing is copied.
    fn try_from(secret: SecretBytes) -> Result<Self, NotUtf8> {
        String::from_utf8(secret.into_vec()).map(Self::from).map_err(|error| {
            drop(SecretBytes::from(error.into_bytes()));
            NotUtf8
        })
    }
}

/// A value that no `string` field can carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotUtf8;

impl fmt::Display for NotUtf8 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the value is not UTF-8")
    }
}

impl std::error::Error for NotUtf8 {}

impl ProtoString for SecretText {
    fn from_wire(payload: WirePayload<'_>) -> Result<Self, DecodeError> {
        payload.to_str().map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use crate::messages::ampoule::v1::ResolvedSecret;
    use buffa::Message;

    #[test]
    fn debug_of_a_message_shows_no_value() {
        let message = ResolvedSecret { name: "DATABASE_URL".to_owned(), value: "hunter2".into(), ..Default::default() };
        let shown = format!("{message:?}");
        assert!(shown.contains("DATABASE_URL"), "{shown}");
        assert!(!shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn a_value_survives_the_wire() {
        let message = ResolvedSecret { value: "pässwörd".into(), ..Default::default() };
        let bytes = message.encode_to_vec();
        let back = ResolvedSecret::decode_from_slice(&bytes).expect("decodes");
        assert_eq!(&*back.value, "pässwörd");
    }
}
