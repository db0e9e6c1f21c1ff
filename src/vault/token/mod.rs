//! Tokens: made, looked up, listed, ended.

mod authenticate;
mod create;
mod instance;
mod list;
mod refusal;
mod revoke;
mod voucher;

pub use create::{MadeToken, NewToken};
pub(super) use instance::{NewInstanceToken, end_with};
pub use list::TokenPage;
pub use refusal::TokenRefusal;
pub use revoke::TokenFilter;

use crate::audit::{Actor, Attributes, Entry, Outcome, Subject};
use crate::authz::Action;
use crate::domain::{Caller, TokenId};

/// An entry about one token, or about none.
fn entry(caller: &Caller, action: Action, id: Option<&TokenId>, outcome: Outcome) -> Entry {
    Entry {
        action: action.into(),
        actor: Actor(caller.clone()),
        subject: id.cloned().map(Subject::Token),
        outcome,
        attributes: Attributes::default(),
    }
}
