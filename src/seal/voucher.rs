//! Proof that something was stored by who had the vault's keys, for what isn't secret but must not be forged.

use super::{Key, KeyRing, context};
use crate::domain::{KekId, VaultId};

/// Names a key-encryption key, and tells what only its holder can: key id (16) | tag (32).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Voucher([u8; Self::LEN]);

impl Voucher {
    /// The length in bytes.
    pub const LEN: usize = KekId::LEN + TAG;

    /// The voucher of these bytes.
    pub fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

const TAG: usize = 32;

impl KeyRing {
    /// Vouches for these fields, for one purpose in one vault.
    pub fn vouch(&self, vault: VaultId, purpose: &'static str, fields: &[&[u8]]) -> Option<Voucher> {
        let tag = tag(self.keys.get(&self.active)?, vault, purpose, fields);
        let bytes = [self.active.as_bytes().as_slice(), &tag].concat();
        bytes.try_into().map(Voucher).ok()
    }

    /// Whether these very fields were vouched for.
    pub fn vouches(&self, voucher: &Voucher, vault: VaultId, purpose: &'static str, fields: &[&[u8]]) -> bool {
        let Some((id, shown)) = voucher.0.split_first_chunk() else { return false };
        let expected = self.keys.get(&KekId::from_bytes(*id)).map(|kek| tag(kek, vault, purpose, fields));
        // Compared without an early end: the time must not tell how much of a forged tag is right.
        expected.is_some_and(|tag| tag.iter().zip(shown).fold(0, |differing, (a, b)| differing | (a ^ b)) == 0)
    }
}

fn tag(kek: &Key, vault: VaultId, purpose: &'static str, fields: &[&[u8]]) -> [u8; TAG] {
    let key = kek.derive(vault.as_bytes(), "ampoule/v1/voucher");
    key.authenticate(&context::fields(&[&[purpose.as_bytes()], fields].concat()))
}

#[cfg(test)]
mod tests {
    use std::slice::from_ref;

    use super::super::RootKey;
    use super::*;

    #[test]
    fn only_what_was_vouched_for_is() {
        let vault = VaultId::from_bytes([1; 16]);
        let ring = || {
            let root = RootKey::new(Key::generate().expect("a key"), vault);
            root.unwrap_ring(from_ref(&root.make_kek().expect("a key"))).expect("a ring")
        };
        let (ours, other) = (ring(), ring());
        let fields: [&[u8]; 2] = [b"a", b"bc"];
        let voucher = ours.vouch(vault, "token", &fields).expect("a voucher");
        assert!(ours.vouches(&voucher, vault, "token", &fields));
        assert!(!other.vouches(&voucher, vault, "token", &fields), "another vault's keys");
        assert!(!ours.vouches(&voucher, VaultId::from_bytes([2; 16]), "token", &fields), "another vault");
        assert!(!ours.vouches(&voucher, vault, "key", &fields), "another purpose");
        for changed in [[b"ab".as_slice(), b"c"], [b"a", b"bd"], [b"bc", b"a"]] {
            assert!(!ours.vouches(&voucher, vault, "token", &changed), "{changed:?}");
        }
        for place in 0..Voucher::LEN {
            let mut bytes = *voucher.as_bytes();
            bytes[place] ^= 1;
            assert!(!ours.vouches(&Voucher::from_bytes(bytes), vault, "token", &fields), "byte {place}");
        }
    }
}
