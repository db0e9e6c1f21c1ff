//! Why something can't be done with a token.

use std::fmt;

use crate::audit::Outcome;
use crate::authz::{Action, Denied};
use crate::domain::{Timestamp, TokenId, TokenName};

/// Why something can't be done with a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenRefusal {
    /// The caller may not, whatever the token.
    Denied(Denied),
    /// There is none.
    Unknown {
        /// What was asked for.
        token: TokenId,
    },
    /// The caller may not, or may not know of it. It reads as if there were none; the log knows better.
    Forbidden {
        /// What was asked for.
        token: TokenId,
    },
    /// A living token has the name.
    NameTaken {
        /// The name.
        name: TokenName,
    },
    /// The new token could do what its maker can't.
    Exceeds {
        /// What.
        action: Action,
        /// To which resources.
        resources: String,
    },
    /// The new token would live longer than the one it is made with.
    Outlives {
        /// When that one ends.
        limit: Timestamp,
    },
    /// The caller's own token ended while the request was under way.
    CallerEnded,
}

impl TokenRefusal {
    /// How the log calls it.
    pub(super) fn outcome(&self) -> Outcome {
        match self {
            Self::Unknown { .. } => Outcome::Unknown,
            Self::NameTaken { .. } => Outcome::Exists,
            Self::CallerEnded => Outcome::Revoked,
            Self::Denied(_) | Self::Forbidden { .. } | Self::Exceeds { .. } | Self::Outlives { .. } => Outcome::Denied,
        }
    }
}

impl fmt::Display for TokenRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied(denied) => denied.fmt(f),
            Self::Unknown { token } | Self::Forbidden { token } => {
                write!(f, "there is no token {token} that you may end: see `ampoule token list`")
            }
            Self::NameTaken { name } => {
                write!(f, "a living token has the name \"{}\": choose another, or revoke that one", name.as_str())
            }
            Self::Exceeds { action, resources } => {
                let (kind, verb) = (action.resource_type().as_str(), action.verb());
                write!(
                    f,
                    "the token could {verb} {kind} {resources}, which you may not: grant it no more than you have"
                )
            }
            Self::Outlives { limit } => {
                write!(f, "the token would outlive the one it is made with: let it expire by {limit:.0}")
            }
            Self::CallerEnded => f.write_str("the token that you call with is no longer valid"),
        }
    }
}
