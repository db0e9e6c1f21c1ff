//! What the audit log holds, and how anybody can check it: entries and their canonical form, the Merkle tree over them,
//! signed checkpoints, proofs. No input or output.

mod checkpoint;
mod entry;
mod note;
mod proof;
mod tree;

pub use checkpoint::{Checkpoint, InvalidCheckpoint, origin};
pub use entry::{Actor, Attributes, Entry, Outcome, Subject};
pub use note::{InvalidNote, NoteSigner, NoteVerifier};
pub use proof::{consistency, includes, inclusion};
pub use tree::{Frontier, Hash, InvalidHash, Nodes, Place};
