//! What the audit log holds: entries and their canonical form. No input or output.

mod entry;

pub use entry::{Actor, Attributes, Entry, Outcome, Subject};
