//! Bytes that nobody prints.

use zeroize::Zeroizing;

/// A secret value, wiped when it is dropped.
///
/// It has no `Debug`, no `Display` and no `Clone`: [`SecretBytes::expose`] is the one way to its content, so that every
/// place that reads a value can be found by that name.
///
/// ```compile_fail
/// let secret = ampoule_proto::secret::SecretBytes::from(vec![1]);
/// println!("{secret:?}");
/// ```
///
/// ```compile_fail
/// let secret = ampoule_proto::secret::SecretBytes::from(vec![1]);
/// let copy = secret.clone();
/// ```
pub struct SecretBytes(Zeroizing<Vec<u8>>);

impl SecretBytes {
    /// The content, for as long as it is needed.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The buffer, for another owner that wipes it.
    pub(crate) fn into_vec(mut self) -> Vec<u8> {
        std::mem::take(&mut *self.0)
    }

    /// The number of bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no byte.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Vec<u8>> for SecretBytes {
    /// Takes the buffer over; nothing is copied.
    fn from(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }
}

impl From<String> for SecretBytes {
    /// Takes the buffer over; nothing is copied.
    fn from(text: String) -> Self {
        Self::from(text.into_bytes())
    }
}
