//! Which entries somebody looks for.

use std::fmt;
use std::str::FromStr;

use super::View;
use crate::domain::{ObjectId, Timestamp, TokenId};

/// Entries that meet every condition that is set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EntryFilter {
    /// About this secret.
    pub object: Option<ObjectId>,
    /// By this one.
    pub actor: Option<ActorFilter>,
    /// This action.
    pub action: Option<String>,
    /// About the container of this id.
    pub container: Option<String>,
    /// Of this outcome.
    pub outcome: Option<String>,
    /// Of this time or later.
    pub since: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
}

/// Who did something: one user or token, or all of a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ActorFilter {
    /// The processes of one user.
    Uid(u32),
    /// Whoever holds one token.
    Token(TokenId),
    /// All of a kind: user, token, anonymous, daemon.
    Type(&'static str),
}

impl EntryFilter {
    /// Whether an entry meets the conditions.
    pub fn admits(&self, entry: &View<'_>) -> bool {
        self.object.as_ref().is_none_or(|id| entry.object() == Some(id.as_str()))
            && self.actor.as_ref().is_none_or(|actor| actor.admits(entry))
            && self.action.as_ref().is_none_or(|action| *action == entry.action)
            && self.container.as_ref().is_none_or(|id| entry.attributes.container_id.as_ref().is_some_and(|c| c == id))
            && self.outcome.as_ref().is_none_or(|outcome| *outcome == entry.attributes.outcome)
            && self.since.is_none_or(|since| entry.at >= since)
            && self.until.is_none_or(|until| entry.at < until)
    }

    /// Whether the entries themselves need to be looked at.
    pub fn is_plain(&self) -> bool {
        Self { object: None, ..self.clone() } == Self::default()
    }
}

impl ActorFilter {
    const TYPES: [&str; 4] = ["user", "token", "anonymous", "daemon"];

    fn admits(&self, entry: &View<'_>) -> bool {
        match self {
            Self::Uid(uid) => entry.actor.r#type == "user" && entry.actor.uid == Some(*uid),
            Self::Token(id) => entry.actor.id.as_deref() == Some(id.as_str()),
            Self::Type(name) => entry.actor.r#type == *name,
        }
    }
}

impl FromStr for ActorFilter {
    type Err = InvalidActor;

    fn from_str(text: &str) -> Result<Self, InvalidActor> {
        if let Some(name) = Self::TYPES.into_iter().find(|name| *name == text) {
            return Ok(Self::Type(name));
        }
        if text.starts_with(TokenId::PREFIX) {
            return text.parse().map(Self::Token).map_err(|_| InvalidActor);
        }
        text.parse().map(Self::Uid).map_err(|_| InvalidActor)
    }
}

/// A text that names no actor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidActor;

impl fmt::Display for InvalidActor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an actor: expected a user id, a token id, or user, token, anonymous or daemon")
    }
}

impl std::error::Error for InvalidActor {}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRY: &str = r#"{"v":1,"at":"2026-01-02T03:04:05Z","action":"vault.object.inject","actor":{"type":"user","uid":7,"gid":0},"target":{"type":"vault/object","id":"sec_abc","version":"2"},"attributes":{"outcome":"ok","container_id":"web"},"tenant_id":"t"}"#;

    #[test]
    fn every_condition_counts() {
        let view = View::of(ENTRY.as_bytes()).expect("an entry");
        let actor = |text: &str| EntryFilter { actor: Some(text.parse().expect(text)), ..EntryFilter::default() };
        let action = |text: &str| EntryFilter { action: Some(text.to_owned()), ..EntryFilter::default() };
        let container = |text: &str| EntryFilter { container: Some(text.to_owned()), ..EntryFilter::default() };
        let outcome = |text: &str| EntryFilter { outcome: Some(text.to_owned()), ..EntryFilter::default() };
        let object = |text: &str| EntryFilter { object: Some(text.parse().expect(text)), ..EntryFilter::default() };
        let since = |text: &str| EntryFilter { since: Some(text.parse().expect(text)), ..EntryFilter::default() };
        let until = |text: &str| EntryFilter { until: Some(text.parse().expect(text)), ..EntryFilter::default() };
        for (filter, admits) in [
            (EntryFilter::default(), true),
            (actor("7"), true),
            (actor("user"), true),
            (actor("8"), false),
            (actor("tok_a"), false),
            (actor("daemon"), false),
            (action("vault.object.inject"), true),
            (action("vault.object.reveal"), false),
            (container("web"), true),
            (container("we"), false),
            (outcome("ok"), true),
            (outcome("denied"), false),
            (object("sec_abc"), true),
            (object("sec_abcd"), false),
            (since("2026-01-02T03:04:05Z"), true),
            (since("2026-01-02T03:04:06Z"), false),
            (until("2026-01-02T03:04:05Z"), false),
            (until("2026-01-02T03:04:06Z"), true),
        ] {
            assert_eq!(filter.admits(&view), admits, "{filter:?}");
        }
    }

    #[test]
    fn an_actor_that_makes_no_sense_is_refused() {
        for text in ["", "root", "-1", "tok_", "tok_A", "4294967296"] {
            assert!(text.parse::<ActorFilter>().is_err(), "{text}");
        }
    }
}
