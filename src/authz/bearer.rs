//! A token as its holder has it, and what the vault keeps in its place.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::domain::SecretBytes;

/// A token that has just been made, for showing it once: `amp_` and 256 random bits in base64url (RFC 4648).
///
/// Existing clients read a payload out of tokens that begin with `nsct_`, `nscw_` or `st_`; this prefix is none of them,
/// and lets a scanner for leaked credentials know one when it sees it.
pub struct BearerToken(SecretBytes);

/// The SHA-256 of a token. It needs no salt and no slow hash: there is nothing to guess in 256 random bits.
///
/// Finding a row by it takes no time that depends on the token in a way that helps: who knew where hashes differ would
/// still have to find a token for the next one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TokenHash([u8; 32]);

impl BearerToken {
    const PREFIX: &'static str = "amp_";

    /// The token of these random bytes.
    pub fn from_random(random: &[u8; 32]) -> Self {
        let tail = Zeroizing::new(URL_SAFE_NO_PAD.encode(random));
        Self(SecretBytes::from([Self::PREFIX, &tail].concat()))
    }

    /// What the vault keeps of it.
    pub fn hash(&self) -> TokenHash {
        TokenHash(Sha256::digest(self.0.expose()).into())
    }

    /// The token itself, for its holder.
    pub fn into_secret(self) -> SecretBytes {
        self.0
    }
}

impl TokenHash {
    /// The hash of what somebody presents as a token.
    pub fn of(presented: &str) -> Self {
        Self(Sha256::digest(presented.as_bytes()).into())
    }

    /// The bytes, for the store.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_every_random_bit_and_no_prefix_that_clients_parse() {
        let (low, high) = (BearerToken::from_random(&[0; 32]), BearerToken::from_random(&[255; 32]));
        assert!(low.hash() != high.hash());
        let text = String::from_utf8(high.into_secret().expose().to_vec()).expect("UTF-8");
        assert_eq!(text, format!("amp_{}8", "_".repeat(42)));
        assert!(!["nsct_", "nscw_", "st_"].iter().any(|prefix| text.starts_with(prefix)));
    }

    #[test]
    fn what_is_presented_is_compared_by_its_hash() {
        let token = BearerToken::from_random(&[7; 32]);
        let hash = token.hash();
        let text = String::from_utf8(token.into_secret().expose().to_vec()).expect("UTF-8");
        assert!(TokenHash::of(&text) == hash);
        assert!(TokenHash::of(&text[..text.len() - 1]) != hash && TokenHash::of("") != hash);
    }
}
