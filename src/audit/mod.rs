//! What the audit log holds, and how anybody can check it: entries and their canonical form, the Merkle tree over them,
//! signed checkpoints, proofs. No input or output.

mod canonical;
mod change;
mod checkpoint;
mod entry;
mod filter;
mod note;
mod proof;
mod tree;
mod verify;
mod view;

pub use change::Change;
pub use checkpoint::{Checkpoint, InvalidCheckpoint, origin};
pub use entry::{Actor, Attributes, Entry, Event, Outcome, Subject, TokenFacts};
pub use filter::{ActorFilter, EntryFilter, InvalidActor};
pub use note::{InvalidNote, NoteSigner, NoteVerifier};
pub use proof::{consistency, includes, inclusion};
pub use tree::{Frontier, Hash, InvalidHash, Nodes, Place};
pub use verify::{Broken, LogCheck, Row};
pub use view::View;
