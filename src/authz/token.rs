//! What is known of a token.

use super::Permission;
use crate::domain::{ActorId, Description, Timestamp, TokenId, TokenName};

/// What is known of a token. Not the token itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Which one.
    pub id: TokenId,
    /// What people call it; no other living token has the same.
    pub name: TokenName,
    /// Free text.
    pub description: Description,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Timestamp,
    /// When and by whom it was ended.
    pub revoked: Option<Revocation>,
    /// Who made it.
    pub creator: ActorId,
    /// All that its holder may do.
    pub permissions: Vec<Permission>,
}

/// The end that somebody put to a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: ActorId,
}

/// Whether a token counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenState {
    /// It does.
    Living,
    /// It was ended.
    Revoked,
    /// It has ended by itself.
    Expired,
}

impl Token {
    /// Whether it counts at this time.
    pub fn state(&self, now: Timestamp) -> TokenState {
        match &self.revoked {
            Some(_) => TokenState::Revoked,
            None if self.expires_at <= now => TokenState::Expired,
            None => TokenState::Living,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_counts_until_it_expires_or_is_revoked() {
        let at = |second| Timestamp::from_second(second).expect("a time");
        let mut token = Token {
            id: "tok_a".parse().expect("an id"),
            name: "a".parse().expect("a name"),
            description: Description::new(String::new()).expect("a text"),
            created_at: at(0),
            expires_at: at(10),
            revoked: None,
            creator: ActorId::User(0),
            permissions: Vec::new(),
        };
        for (second, state) in [(9, TokenState::Living), (10, TokenState::Expired), (11, TokenState::Expired)] {
            assert_eq!(token.state(at(second)), state, "{second}");
        }
        token.revoked = Some(Revocation { at: at(5), by: ActorId::User(0) });
        assert_eq!(token.state(at(9)), TokenState::Revoked);
    }
}
