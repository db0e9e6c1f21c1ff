//! Proof that the log, and what it says of each secret and token, is what the writer left: by a key under the root key.

use super::{Key, RootKey, context};
use crate::audit::{Change, Hash};

/// What the log was when it was vouched for last.
pub type LogTag = [u8; 32];

/// Vouches for the log. Nobody without the root key can.
pub struct LogSeal(Key);

/// Stands for a set of [`Change`]s, whatever their order: one is added or taken away without looking at the others.
///
/// Each counts as a number that nobody without the key can tell, and no sum is ever shown: so no other set can be found
/// that has the same. It is a sum and no exclusive or, in which one that is there twice would count as none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum([u64; 4]);

impl RootKey {
    /// What vouches for this vault's log.
    pub fn log_seal(&self) -> LogSeal {
        LogSeal(self.key.derive(self.vault.as_bytes(), "ampoule/v1/log-state"))
    }
}

impl LogSeal {
    /// The set with one change more.
    #[must_use]
    pub fn with(&self, sum: Sum, subject: &str, change: &Change) -> Sum {
        sum.zip(self.number(subject, change), u64::wrapping_add)
    }

    /// The set with one change less.
    #[must_use]
    pub fn without(&self, sum: Sum, subject: &str, change: &Change) -> Sum {
        sum.zip(self.number(subject, change), u64::wrapping_sub)
    }

    /// Vouches for a log of this size and root, that ends with these changes.
    pub fn tag(&self, size: u64, root: Hash, changes: Sum) -> LogTag {
        let changes = changes.0.map(u64::to_be_bytes);
        let fields = context::fields(&[b"log", &size.to_be_bytes(), root.as_bytes(), changes.as_flattened()]);
        self.0.authenticate_often(&fields)
    }

    /// Whether this log was vouched for.
    pub fn matches(&self, tag: &LogTag, size: u64, root: Hash, changes: Sum) -> bool {
        let expected = self.tag(size, root, changes);
        // Compared without an early end: the time must not tell how much of a forged tag is right.
        expected.iter().zip(tag).fold(0, |differing, (a, b)| differing | (a ^ b)) == 0
    }

    fn number(&self, subject: &str, change: &Change) -> Sum {
        let fields = context::fields(&[
            b"change",
            subject.as_bytes(),
            &change.index.to_be_bytes(),
            &change.version.map_or(0, crate::domain::Version::get).to_be_bytes(),
            &[u8::from(change.ended)],
        ]);
        let bytes = self.0.authenticate_often(&fields);
        let mut lanes = [0; 4];
        for (lane, bytes) in lanes.iter_mut().zip(bytes.chunks_exact(8)) {
            *lane = bytes.iter().fold(0, |lane, byte| lane << 8 | u64::from(*byte));
        }
        Sum(lanes)
    }
}

impl Sum {
    fn zip(self, other: Self, join: fn(u64, u64) -> u64) -> Self {
        let mut lanes = self.0;
        for (lane, other) in lanes.iter_mut().zip(other.0) {
            *lane = join(*lane, other);
        }
        Self(lanes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{VaultId, Version};

    fn change(index: u64, version: u64, ended: bool) -> Change {
        Change { index, version: Version::new(version), ended }
    }

    #[test]
    fn only_the_log_that_was_vouched_for_matches() {
        let seal = |vault| RootKey::new(Key::from_slice(&[7; 32]).expect("a key"), VaultId::from_bytes([vault; 16]));
        let (seal, other) = (seal(1).log_seal(), seal(2).log_seal());
        let changes = seal.with(seal.with(Sum::default(), "sec_a", &change(3, 1, false)), "sec_b", &change(4, 2, true));
        let (root, tag) = (Hash::of_leaf(b"x"), seal.tag(9, Hash::of_leaf(b"x"), changes));
        assert!(seal.matches(&tag, 9, root, changes));
        assert!(!other.matches(&tag, 9, root, changes), "another vault");
        assert!(!seal.matches(&tag, 8, root, changes) && !seal.matches(&tag, 9, Hash::of_leaf(b"y"), changes));
        for byte in 0..tag.len() {
            let mut tag = tag;
            tag[byte] ^= 1;
            assert!(!seal.matches(&tag, 9, root, changes), "byte {byte}");
        }
        for (subject, change) in [
            ("sec_c", change(3, 1, false)),
            ("sec_a", change(2, 1, false)),
            ("sec_a", change(3, 2, false)),
            ("sec_a", change(3, 1, true)),
        ] {
            let one = seal.with(Sum::default(), subject, &change);
            assert_ne!(seal.with(one, "sec_b", &self::change(4, 2, true)), changes, "{subject} {change:?}");
        }
    }

    #[test]
    fn a_set_has_one_sum() {
        let seal = RootKey::new(Key::from_slice(&[7; 32]).expect("a key"), VaultId::from_bytes([1; 16])).log_seal();
        let (a, b) = (change(0, 1, false), change(1, 1, false));
        let both = seal.with(seal.with(Sum::default(), "sec_a", &a), "sec_b", &b);
        assert_eq!(both, seal.with(seal.with(Sum::default(), "sec_b", &b), "sec_a", &a));
        assert_eq!(seal.without(both, "sec_b", &b), seal.with(Sum::default(), "sec_a", &a));
        assert_ne!(seal.with(seal.with(both, "sec_c", &a), "sec_c", &a), both, "twice is not never");
    }
}
