//! The hashes of the tree: read for proofs and at the start, added with the entries that complete a subtree.

use std::ops::Range;

use rusqlite::{Connection, params};

use super::SqliteTx;
use super::convert::bad;
use super::state::one;
use crate::audit::{Frontier, Hash, Nodes, Place};
use crate::store::StoreError;

/// The tree's hashes in one database.
pub(super) struct Kept<'a>(pub(super) &'a Connection);

impl Nodes for Kept<'_> {
    type Error = rusqlite::Error;

    fn nodes(&mut self, level: u8, indexes: Range<u64>) -> rusqlite::Result<Vec<Hash>> {
        let wanted = usize::try_from(indexes.end - indexes.start).unwrap_or(usize::MAX);
        let hashes = if level == 0 { self.leaves(indexes)? } else { self.kept(level, indexes)? };
        // One that is missing would give another tree.
        if hashes.len() == wanted { Ok(hashes) } else { Err(bad(0, Missing)) }
    }
}

impl Kept<'_> {
    fn leaves(&self, indexes: Range<u64>) -> rusqlite::Result<Vec<Hash>> {
        self.0
            .prepare_cached("SELECT entry FROM audit WHERE idx >= ?1 AND idx < ?2 ORDER BY idx")?
            .query_map(params![indexes.start, indexes.end], |row| Ok(Hash::of_leaf(row.get_ref(0)?.as_blob()?)))?
            .collect()
    }

    fn kept(&self, level: u8, indexes: Range<u64>) -> rusqlite::Result<Vec<Hash>> {
        self.0
            .prepare_cached("SELECT hash FROM tree_nodes WHERE level = ?1 AND idx >= ?2 AND idx < ?3 ORDER BY idx")?
            .query_map(params![level, indexes.start, indexes.end], |row| row.get(0).map(Hash::from_bytes))?
            .collect()
    }
}

impl Nodes for SqliteTx<'_> {
    type Error = StoreError;

    fn nodes(&mut self, level: u8, indexes: Range<u64>) -> Result<Vec<Hash>, StoreError> {
        self.run(|tx| Kept(tx).nodes(level, indexes))
    }
}

/// The number of entries.
pub(super) fn size(connection: &Connection) -> rusqlite::Result<u64> {
    connection.prepare_cached("SELECT coalesce(max(idx) + 1, 0) FROM audit")?.query_row([], |row| row.get(0))
}

/// Adds an entry to the tree, and keeps the hashes that are to be kept.
pub(super) fn push(connection: &Connection, tree: &mut Frontier, entry: &[u8]) -> rusqlite::Result<()> {
    let mut complete: Vec<(Place, Hash)> = Vec::new();
    tree.push(Hash::of_leaf(entry), |place, hash| complete.push((place, hash)));
    for (place, hash) in complete {
        connection
            .prepare_cached("INSERT INTO tree_nodes (level, idx, hash) VALUES (?1, ?2, ?3)")?
            .execute(params![place.level, place.index, hash.as_bytes()])
            .and_then(one)?;
    }
    Ok(())
}

/// Makes the tree of a log that had none.
pub(super) fn build(connection: &Connection) -> rusqlite::Result<()> {
    let mut entries = connection.prepare("SELECT entry FROM audit ORDER BY idx")?;
    let mut rows = entries.query([])?;
    let mut tree = Frontier::default();
    while let Some(row) = rows.next()? {
        push(connection, &mut tree, row.get_ref(0)?.as_blob()?)?;
    }
    Ok(())
}

#[derive(Debug, thiserror::Error)]
#[error("entries or hashes of the audit log are missing")]
struct Missing;
