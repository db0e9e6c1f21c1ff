//! Who is remembered to have done something, long after the request.

use std::fmt;
use std::str::FromStr;

use super::{Identity, TokenId};

/// A user of this host, written `user:UID`, or a token, written as its id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ActorId {
    /// A user, by number.
    User(u32),
    /// A token.
    Token(TokenId),
    /// Neither; nobody like that has a right to anything.
    Nobody,
}

impl ActorId {
    const USER: &'static str = "user:";
    const NOBODY: &'static str = "nobody";

    /// Whom to remember for a caller.
    pub fn of(identity: &Identity) -> Self {
        match identity {
            Identity::Peer(peer) => Self::User(peer.uid),
            Identity::Token { id, .. } => Self::Token(id.clone()),
            Identity::Anonymous(_) | Identity::Daemon => Self::Nobody,
        }
    }
}

impl fmt::Display for ActorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(uid) => write!(f, "{}{uid}", Self::USER),
            Self::Token(id) => id.fmt(f),
            Self::Nobody => f.write_str(Self::NOBODY),
        }
    }
}

impl FromStr for ActorId {
    type Err = InvalidActorId;

    fn from_str(text: &str) -> Result<Self, InvalidActorId> {
        match text.strip_prefix(Self::USER) {
            // The number's only spelling, so that equal texts are equal actors.
            Some(digits) => {
                let uid = digits.parse::<u32>().ok().filter(|uid| uid.to_string() == digits);
                uid.map(Self::User).ok_or(InvalidActorId)
            }
            None if text == Self::NOBODY => Ok(Self::Nobody),
            None => text.parse().map(Self::Token).map_err(|_| InvalidActorId),
        }
    }
}

/// A text that names no actor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidActorId;

impl fmt::Display for InvalidActorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected user:UID or tok_…")
    }
}

impl std::error::Error for InvalidActorId {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_and_read_back() {
        for text in ["user:0", "user:4294967295", "tok_abc", "nobody"] {
            assert_eq!(text.parse::<ActorId>().expect("parses").to_string(), text);
        }
        for text in ["", "user:", "user:+1", "user:01", "user:-1", "user:4294967296", "sec_abc", "root"] {
            assert!(text.parse::<ActorId>().is_err(), "{text}");
        }
    }
}
