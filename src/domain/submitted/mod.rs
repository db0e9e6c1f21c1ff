//! What people submit, as a tree whose parts know where they stand, and the mistakes in it: all of them at once.
//!
//! A remark says where and why. It repeats nothing that could be the value of a variable, since somebody will have put a
//! password there.

mod cursor;
mod fields;
mod json;
mod remarks;
#[cfg(test)]
pub(crate) mod schema;
#[cfg(test)]
pub(crate) mod tests;
mod tree;

pub(in crate::domain) use cursor::Cursor;
pub(in crate::domain) use fields::{Fields, Form, Strangers};
pub use json::of_json;
pub use remarks::{Mistakes, Remark, Warning};
pub(in crate::domain) use remarks::{Reading, Spelling};
pub use tree::{Content, Key, Node, Place};
