//! Checking a whole log from its entries alone. What the database keeps beside them is compared, never believed.

use std::collections::BTreeMap;
use std::fmt;

use super::tree::{Frontier, Hash, Place};
use super::view::View;
use super::{Change, Checkpoint, NoteVerifier};
use crate::domain::Timestamp;

/// A row of the log as a database has it: the entry, and the columns that repeat parts of it.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// Its place.
    pub index: i64,
    /// Microseconds since 1970.
    pub at: i64,
    /// The secret that it is about.
    pub object: Option<&'a str>,
    /// The version of it.
    pub version: Option<i64>,
    /// How it changed it.
    pub mutation: Option<&'a str>,
    /// The canonical bytes.
    pub entry: &'a [u8],
}

/// The check of one log, from its first entry on.
pub struct LogCheck<'a> {
    vault: &'a str,
    verifier: &'a NoteVerifier,
    tree: Frontier,
    last: Timestamp,
    /// So many entries are known to be right: by a hash of the tree or by a checkpoint.
    confirmed: u64,
    nodes: u64,
    changes: BTreeMap<String, Change>,
}

impl<'a> LogCheck<'a> {
    /// A check of this vault's log, whose checkpoints this key signs.
    pub fn new(vault: &'a str, verifier: &'a NoteVerifier) -> Self {
        let tree = Frontier::default();
        Self { vault, verifier, tree, last: Timestamp::MIN, confirmed: 0, nodes: 0, changes: BTreeMap::new() }
    }

    /// The tree over the entries so far.
    pub fn tree(&self) -> &Frontier {
        &self.tree
    }

    /// What the entries so far say was done last to each secret and token.
    pub fn changes(&self) -> &BTreeMap<String, Change> {
        &self.changes
    }

    /// The next entry. Returns the hashes that the database must keep because of it.
    pub fn entry(&mut self, row: &Row<'_>) -> Result<Vec<(Place, Hash)>, Broken> {
        let index = self.tree.size();
        if u64::try_from(row.index) != Ok(index) {
            return Err(Broken::entry(index, format!("it is missing: the next one in the log is {}", row.index)));
        }
        self.agree(row).map_err(|reason| Broken::entry(index, reason))?;
        let mut complete = Vec::new();
        self.tree.push(Hash::of_leaf(row.entry), |place, hash| complete.push((place, hash)));
        self.nodes += u64::try_from(complete.len()).unwrap_or_default();
        Ok(complete)
    }

    /// Compares a hash with the one that the database keeps.
    pub fn node(&mut self, place: Place, hash: Hash, kept: Option<Hash>) -> Result<(), Broken> {
        if kept != Some(hash) {
            let what = if kept.is_some() {
                "the hash that the tree keeps of them is another"
            } else {
                "the tree keeps no hash of them"
            };
            return Err(Broken::Entries {
                first: self.confirmed.max(place.index << place.level),
                last: ((place.index + 1) << place.level) - 1,
                reason: what.to_owned(),
            });
        }
        self.confirmed = self.tree.size();
        Ok(())
    }

    /// Compares the tree with a checkpoint of its size.
    pub fn checkpoint(&mut self, size: u64, note: &str) -> Result<(), Broken> {
        let broken = |reason: String| Broken::Checkpoint { size, reason };
        let checkpoint = Checkpoint::open(note, self.verifier).map_err(|error| broken(error.to_string()))?;
        if checkpoint.size != size {
            return Err(broken(format!("it stands in the place of one of {} entries", checkpoint.size)));
        }
        if checkpoint.size > self.tree.size() {
            let reason = format!("it is missing: a checkpoint is of {size} entries");
            return Err(Broken::entry(self.tree.size(), reason));
        }
        if checkpoint.root != self.tree.root() {
            let reason = format!("the signed checkpoint of {size} entries has another root");
            return Err(Broken::Entries { first: self.confirmed.min(size - 1), last: size - 1, reason });
        }
        self.confirmed = size;
        Ok(())
    }

    /// After the last entry: how many hashes the database keeps.
    pub fn end(&self, nodes: u64) -> Result<(), Broken> {
        if nodes == self.nodes {
            return Ok(());
        }
        Err(Broken::Nodes { kept: nodes, expected: self.nodes })
    }

    /// The columns say what the entry says.
    fn agree(&mut self, row: &Row<'_>) -> Result<(), String> {
        let view = View::of(row.entry).map_err(|error| format!("it is no entry: {error}"))?;
        if view.tenant_id != self.vault {
            return Err(format!("it is of another vault: {}", view.tenant_id));
        }
        if view.at < self.last {
            return Err("it is older than the one before it".to_owned());
        }
        self.last = view.at;
        let version = view.version().and_then(|version| i64::try_from(version.get()).ok());
        let columns = [
            ("at", view.at.as_microsecond() == row.at),
            ("object_id", view.object() == row.object),
            ("version", version == row.version),
            ("mutation", view.mutation() == row.mutation),
        ];
        if let Some((column, _)) = columns.into_iter().find(|(_, same)| !same) {
            return Err(format!("the column {column} says something else than the entry"));
        }
        if let Some((subject, change)) = view.change(self.tree.size()) {
            self.changes.insert(subject.to_owned(), change);
        }
        Ok(())
    }
}

/// What is wrong with a log, and where that begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Broken {
    /// One of these entries: which one, nothing tells.
    Entries {
        /// The first that it may be.
        first: u64,
        /// The last that it may be.
        last: u64,
        /// How that can be seen.
        reason: String,
    },
    /// A stored checkpoint itself.
    Checkpoint {
        /// The size that it is stored for.
        size: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// Hashes of the tree that belong to no entries.
    Nodes {
        /// How many there are.
        kept: u64,
        /// How many there must be.
        expected: u64,
    },
}

impl Broken {
    fn entry(index: u64, reason: String) -> Self {
        Self::Entries { first: index, last: index, reason }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Entries { first, last, reason } if first == last => write!(f, "entry {first} is wrong: {reason}"),
            Self::Entries { first, last, reason } => {
                write!(f, "an entry from {first} to {last} is wrong: {reason}")
            }
            Self::Checkpoint { size, reason } => write!(f, "the checkpoint of {size} entries is wrong: {reason}"),
            Self::Nodes { kept, expected } => write!(f, "the tree keeps {kept} hashes where {expected} belong"),
        }
    }
}

impl std::error::Error for Broken {}
