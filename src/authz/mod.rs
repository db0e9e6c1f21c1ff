//! Who may do what. The only maker of a [`Grant`].

mod action;
mod policy;

pub use action::Action;
pub use policy::{Denied, Grant, Policy};
