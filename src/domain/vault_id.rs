//! Which vault.

use std::fmt;
use std::str::FromStr;

/// A vault's identity, made once at its first start and bound into everything that it seals.
///
/// Written as `tenant_` and 32 lower-case hexadecimal digits: what existing clients call a tenant is here a vault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VaultId([u8; 16]);

impl VaultId {
    const PREFIX: &'static str = "tenant_";

    /// The identity of these bytes.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for VaultId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{:032x}", Self::PREFIX, u128::from_be_bytes(self.0))
    }
}

impl FromStr for VaultId {
    type Err = InvalidVaultId;

    fn from_str(text: &str) -> Result<Self, InvalidVaultId> {
        let digits = text.strip_prefix(Self::PREFIX).filter(|d| d.len() == 32).ok_or(InvalidVaultId)?;
        // One identity has one spelling.
        if !digits.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
            return Err(InvalidVaultId);
        }
        u128::from_str_radix(digits, 16).map(|n| Self(n.to_be_bytes())).map_err(|_| InvalidVaultId)
    }
}

/// A text that is no vault's identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidVaultId;

impl fmt::Display for InvalidVaultId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a vault's identity: expected tenant_ and 32 lower-case hexadecimal digits")
    }
}

impl std::error::Error for InvalidVaultId {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_and_read_back() {
        let id = VaultId::from_bytes([0x0a; 16]);
        assert_eq!(id.to_string(), "tenant_0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a");
        assert_eq!(id.to_string().parse(), Ok(id));
        for text in ["tenant_+a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a", "tenant_0A0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a"] {
            assert!(text.parse::<VaultId>().is_err(), "{text}");
        }
    }
}
