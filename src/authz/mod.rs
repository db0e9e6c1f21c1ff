//! Who may do what. The only maker of a [`Grant`].

mod action;
mod bearer;
mod permission;
mod policy;
mod principal;
mod token;

pub use action::Action;
pub use bearer::{BearerToken, TokenHash};
pub use permission::{InvalidPermission, Permission, Resource, ResourceType};
pub use policy::Policy;
pub use principal::{Denied, Grant, Principal, Rights};
pub use token::{Revocation, Token, TokenState};
