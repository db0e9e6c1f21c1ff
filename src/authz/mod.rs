//! Who may do what. The only maker of a [`Grant`].

mod action;
mod permission;
mod policy;
mod principal;

pub use action::Action;
pub use permission::{InvalidPermission, Permission, Resource, ResourceType};
pub use policy::Policy;
pub use principal::{Denied, Grant, Principal, Rights};
