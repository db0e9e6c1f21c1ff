//! The Merkle tree over the log (RFC 6962, section 2.1), without holding it: entries only ever come at its end, and a
//! few hashes of complete subtrees give back all the others.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

/// A hash of the tree: SHA-256.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Hash([u8; 32]);

impl Hash {
    /// The length in bytes.
    pub const LEN: usize = 32;

    /// The hash of these bytes, which are one already.
    pub fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }

    /// The hash of an entry as a leaf.
    pub fn of_leaf(entry: &[u8]) -> Self {
        Self(Sha256::new().chain_update([0]).chain_update(entry).finalize().into())
    }

    /// The hash of a node with these two below it.
    pub fn of_node(left: Self, right: Self) -> Self {
        Self(Sha256::new().chain_update([1]).chain_update(left.0).chain_update(right.0).finalize().into())
    }

    fn of_nothing() -> Self {
        Self(Sha256::digest([]).into())
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Hash {
    type Err = InvalidHash;

    fn from_str(text: &str) -> Result<Self, InvalidHash> {
        let bytes = STANDARD.decode(text).map_err(|_| InvalidHash)?;
        bytes.try_into().map(Self).map_err(|_| InvalidHash)
    }
}

/// A text that is no hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a hash: expected 32 bytes in base64")]
pub struct InvalidHash;

/// A complete subtree: the `1 << level` leaves from `index << level` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// How far above the leaves, which are level 0.
    pub level: u8,
    /// Its place among those of its level.
    pub index: u64,
}

impl Place {
    /// Of how many levels one is kept: a subtree of 256 leaves, one of 65,536, and so on.
    const STEP: u8 = 8;

    /// Whether the hash of this subtree is kept. A leaf's is not: it is computed from the entry.
    pub fn is_kept(self) -> bool {
        self.level > 0 && self.level.is_multiple_of(Self::STEP)
    }
}

/// Where the hashes come from that others are computed from.
pub trait Nodes {
    /// Why one could not be had.
    type Error;

    /// The hashes of these subtrees of a level that is kept, or of these leaves (level 0): all of them.
    fn nodes(&mut self, level: u8, indexes: Range<u64>) -> Result<Vec<Hash>, Self::Error>;
}

/// The tree, as far as it takes part in what comes: the complete subtrees of its right edge, the largest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    peaks: Vec<Hash>,
}

impl Frontier {
    /// The tree over the first `size` leaves.
    pub fn load<N: Nodes + ?Sized>(nodes: &mut N, size: u64) -> Result<Self, N::Error> {
        let peaks = split(0..size).map(|place| subtree(nodes, place)).collect::<Result<_, _>>()?;
        Ok(Self { size, peaks })
    }

    /// The number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf; `complete` is told the subtrees that it completes and that are kept.
    pub fn push(&mut self, leaf: Hash, mut complete: impl FnMut(Place, Hash)) {
        let (mut hash, mut place) = (leaf, Place { level: 0, index: self.size });
        while place.index % 2 == 1
            && let Some(left) = self.peaks.pop()
        {
            hash = Hash::of_node(left, hash);
            place = Place { level: place.level + 1, index: place.index / 2 };
            if place.is_kept() {
                complete(place, hash);
            }
        }
        self.peaks.push(hash);
        self.size += 1;
    }

    /// The root: what stands for every leaf and for their order.
    pub fn root(&self) -> Hash {
        let joined = self.peaks.iter().copied().rev().reduce(|right, left| Hash::of_node(left, right));
        joined.unwrap_or_else(Hash::of_nothing)
    }
}

/// The hash of a range of leaves that is a node of some tree: it begins at a multiple of the largest power of two that
/// it holds.
pub(super) fn range_hash<N: Nodes + ?Sized>(nodes: &mut N, range: Range<u64>) -> Result<Hash, N::Error> {
    let peaks = split(range).map(|place| subtree(nodes, place)).collect::<Result<_, _>>()?;
    Ok(Frontier { size: 0, peaks }.root())
}

/// The complete subtrees that make up such a range, the largest first.
fn split(range: Range<u64>) -> impl Iterator<Item = Place> {
    let Range { mut start, end } = range;
    std::iter::from_fn(move || {
        let level = (end - start).checked_ilog2()?;
        let place = Place { level: u8::try_from(level).ok()?, index: start >> level };
        start += 1 << level;
        Some(place)
    })
}

/// The hash of a complete subtree, from those of the nearest level below that is kept.
fn subtree<N: Nodes + ?Sized>(nodes: &mut N, place: Place) -> Result<Hash, N::Error> {
    let above = place.level % Place::STEP;
    let indexes = place.index << above..(place.index + 1) << above;
    let mut part = Frontier::default();
    for hash in nodes.nodes(place.level - above, indexes)? {
        part.push(hash, |_, _| {});
    }
    Ok(part.root())
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::HashMap;
    use std::convert::Infallible;

    use ct_merkle::mem_backed_tree::MemoryBackedTree;

    use super::*;

    /// A tree whose kept hashes are in memory.
    #[derive(Default)]
    pub(in crate::audit) struct Memory {
        pub(in crate::audit) frontier: Frontier,
        leaves: Vec<Hash>,
        kept: HashMap<(u8, u64), Hash>,
    }

    impl Memory {
        pub(in crate::audit) fn push(&mut self, entry: &[u8]) {
            let leaf = Hash::of_leaf(entry);
            self.leaves.push(leaf);
            self.frontier
                .push(leaf, |place, hash| assert_eq!(self.kept.insert((place.level, place.index), hash), None));
        }
    }

    impl Nodes for Memory {
        type Error = Infallible;

        fn nodes(&mut self, level: u8, indexes: Range<u64>) -> Result<Vec<Hash>, Infallible> {
            let of = |index: u64| match level {
                0 => self.leaves[usize::try_from(index).expect("an index")],
                _ => self.kept[&(level, index)],
            };
            Ok(indexes.map(of).collect())
        }
    }

    /// The tree that the reference implementations of Certificate Transparency are tested with.
    const VECTORS: &str = include_str!("../../fixtures/merkle/certificate-transparency.json");

    pub(in crate::audit) fn vectors() -> serde_json::Value {
        serde_json::from_str(VECTORS).expect("JSON")
    }

    pub(in crate::audit) fn bytes(hex: &serde_json::Value) -> Vec<u8> {
        let hex = hex.as_str().expect("a text");
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal")).collect()
    }

    #[test]
    fn the_roots_are_those_of_certificate_transparency() {
        let vectors = vectors();
        let mut tree = Frontier::default();
        assert_eq!(tree.root().as_bytes().as_slice(), bytes(&vectors["empty"]));
        for (leaf, root) in
            vectors["leaves"].as_array().expect("a list").iter().zip(vectors["roots"].as_array().expect("a list"))
        {
            tree.push(Hash::of_leaf(&bytes(leaf)), |_, _| {});
            assert_eq!(tree.root().as_bytes().as_slice(), bytes(root), "size {}", tree.size());
        }
        assert_eq!(tree.size(), 8);
    }

    #[test]
    fn another_implementation_finds_the_same_root_and_so_does_a_reload() {
        let mut theirs = MemoryBackedTree::<Sha256, Vec<u8>>::new();
        let mut ours = Memory::default();
        for number in 0..700_u32 {
            let entry = number.to_le_bytes().to_vec();
            ours.push(&entry);
            theirs.push(entry);
            let frontier = ours.frontier.clone();
            assert_eq!(frontier.root().as_bytes().as_slice(), theirs.root().as_bytes().as_slice());
            assert_eq!(Frontier::load(&mut ours, frontier.size()), Ok(frontier));
        }
    }

    #[test]
    fn a_large_tree_is_loaded_from_few_hashes() {
        let mut tree = Memory::default();
        (0..140_000_u32).for_each(|number| tree.push(&number.to_le_bytes()));
        let mut asked = Counting { tree, hashes: 0 };
        let loaded = Frontier::load(&mut asked, 140_000);
        assert_eq!(loaded, Ok(asked.tree.frontier.clone()));
        assert!(asked.hashes < 3 * 256, "{}", asked.hashes);
    }

    struct Counting {
        tree: Memory,
        hashes: usize,
    }

    impl Nodes for Counting {
        type Error = Infallible;

        fn nodes(&mut self, level: u8, indexes: Range<u64>) -> Result<Vec<Hash>, Infallible> {
            let hashes = self.tree.nodes(level, indexes)?;
            self.hashes += hashes.len();
            Ok(hashes)
        }
    }
}
