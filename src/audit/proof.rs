//! Proofs about the tree (RFC 6962, sections 2.1.1 and 2.1.2): that an entry is in it, and that a later tree continues
//! an earlier one.

use std::ops::Range;

use super::tree::range_hash;
use super::{Hash, Nodes};

/// The hashes that lead from a leaf to the root of the tree over the first `size` leaves; the index is below the size.
pub fn inclusion<N: Nodes + ?Sized>(nodes: &mut N, index: u64, size: u64) -> Result<Vec<Hash>, N::Error> {
    let mut ranges = Vec::new();
    let mut tree = 0..size;
    while tree.end - tree.start > 1 {
        let middle = middle(&tree);
        let (near, far) = if index < middle {
            (tree.start..middle, middle..tree.end)
        } else {
            (middle..tree.end, tree.start..middle)
        };
        ranges.push(far);
        tree = near;
    }
    ranges.into_iter().rev().map(|range| range_hash(nodes, range)).collect()
}

/// Whether these hashes lead from a leaf to a root (RFC 9162, section 2.1.3.2).
pub fn includes(root: Hash, size: u64, index: u64, leaf: Hash, path: &[Hash]) -> bool {
    if index >= size {
        return false;
    }
    let (mut index, mut last, mut hash) = (index, size - 1, leaf);
    for sibling in path {
        if last == 0 {
            return false;
        }
        if index % 2 == 1 || index == last {
            hash = Hash::of_node(*sibling, hash);
            // A node without a right sibling rises alone.
            let alone = if index % 2 == 1 { 0 } else { index.trailing_zeros() };
            (index, last) = (index >> alone, last >> alone);
        } else {
            hash = Hash::of_node(hash, *sibling);
        }
        (index, last) = (index / 2, last / 2);
    }
    last == 0 && hash == root
}

/// The hashes that show that the tree over the first `new` leaves continues the one over the first `old`; `old` is
/// neither 0 nor above `new`.
pub fn consistency<N: Nodes + ?Sized>(nodes: &mut N, old: u64, new: u64) -> Result<Vec<Hash>, N::Error> {
    let mut ranges = Vec::new();
    let mut tree = 0..new;
    while tree.end > old {
        let middle = middle(&tree);
        if old <= middle {
            ranges.push(middle..tree.end);
            tree.end = middle;
        } else {
            ranges.push(tree.start..middle);
            tree.start = middle;
        }
    }
    // Who checks the proof knows the old root already.
    if tree.start > 0 {
        ranges.push(tree);
    }
    ranges.into_iter().rev().map(|range| range_hash(nodes, range)).collect()
}

/// Where a tree of more than one leaf divides: after the largest power of two that is below its size.
fn middle(tree: &Range<u64>) -> u64 {
    tree.start + (1 << (tree.end - tree.start - 1).ilog2())
}

#[cfg(test)]
mod tests {
    use ct_merkle::mem_backed_tree::MemoryBackedTree;
    use sha2::Sha256;

    use super::super::tree::tests::{Memory, bytes, vectors};
    use super::*;

    const SIZES: [u32; 8] = [1, 2, 7, 8, 255, 256, 300, 700];

    fn trees(size: u32) -> (Memory, MemoryBackedTree<Sha256, Vec<u8>>) {
        let (mut ours, mut theirs) = (Memory::default(), MemoryBackedTree::new());
        for number in 0..size {
            ours.push(&number.to_le_bytes());
            theirs.push(number.to_le_bytes().to_vec());
        }
        (ours, theirs)
    }

    fn concatenated(hashes: &[Hash]) -> Vec<u8> {
        hashes.iter().flat_map(|hash| *hash.as_bytes()).collect()
    }

    #[test]
    fn the_paths_are_those_of_certificate_transparency() {
        let vectors = vectors();
        let mut tree = Memory::default();
        vectors["leaves"].as_array().expect("a list").iter().for_each(|leaf| tree.push(&bytes(leaf)));
        for path in vectors["paths"].as_array().expect("a list") {
            let number = |key: &str| path[key].as_u64().expect("a number");
            let expected: Vec<u8> = path["path"].as_array().expect("a list").iter().flat_map(bytes).collect();
            let made = inclusion(&mut tree, number("index"), number("size")).expect("in memory");
            assert_eq!(concatenated(&made), expected, "{path}");
        }
        for proof in vectors["consistency"].as_array().expect("a list") {
            let number = |key: &str| proof[key].as_u64().expect("a number");
            let expected: Vec<u8> = proof["path"].as_array().expect("a list").iter().flat_map(bytes).collect();
            let made = consistency(&mut tree, number("old"), number("new")).expect("in memory");
            assert_eq!(concatenated(&made), expected, "{proof}");
        }
    }

    #[test]
    fn another_implementation_makes_the_same_proofs() {
        for size in SIZES {
            let (mut ours, theirs) = trees(size);
            for index in 0..size {
                let made = inclusion(&mut ours, index.into(), size.into()).expect("in memory");
                let expected = theirs.prove_inclusion(index as usize);
                assert_eq!(concatenated(&made), expected.as_bytes(), "{index} of {size}");
                if index > 0 {
                    let made = consistency(&mut ours, index.into(), size.into()).expect("in memory");
                    let expected = theirs.prove_consistency((size - index) as usize);
                    assert_eq!(concatenated(&made), expected.as_bytes(), "{index} to {size}");
                }
            }
        }
    }

    #[test]
    fn a_path_leads_from_its_leaf_alone() {
        for size in SIZES {
            let (mut tree, _) = trees(size);
            let (root, size) = (tree.frontier.root(), u64::from(size));
            for index in 0..size {
                let path = inclusion(&mut tree, index, size).expect("in memory");
                let leaf = Hash::of_leaf(&u32::try_from(index).expect("small").to_le_bytes());
                assert!(includes(root, size, index, leaf, &path), "{index} of {size}");
                assert!(!includes(root, size, index, Hash::of_leaf(b"another"), &path));
                assert!(!includes(root, size, (index + 1) % size, leaf, &path) || size == 1);
                assert!(!includes(root, size, size + index, leaf, &path));
                assert!(!includes(root, size, index, leaf, &[path.as_slice(), &[root]].concat()));
                assert!(path.is_empty() || !includes(root, size, index, leaf, &path[1..]));
            }
        }
    }
}
