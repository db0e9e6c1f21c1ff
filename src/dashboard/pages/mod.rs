//! The pages. Each asks a use case, and shows what that gives.

#![allow(clippy::struct_excessive_bools, reason = "what a template shows or leaves out it is told by one each")]

pub(super) mod audit;
pub(super) mod audit_entry;
pub(super) mod create;
pub(super) mod delete;
pub(super) mod devboxes;
pub(super) mod instances;
mod logs;
pub(super) mod overview;
pub(super) mod secret;
pub(super) mod secrets;
pub(super) mod session;
pub(super) mod set;
pub(super) mod sign_in;
mod snippets;
pub(super) mod token_new;
pub(super) mod tokens;
pub(super) mod usage;
mod value;
