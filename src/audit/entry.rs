//! One entry, and the bytes that stand for it for ever.

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use crate::authz::Action;
use crate::domain::{Caller, Container, ObjectId, Timestamp, VaultId, Version};

/// One access, before the log has given it a time and a place.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What was asked for.
    pub action: Action,
    /// Who asked.
    pub actor: Actor,
    /// About which secret, if one.
    pub subject: Option<Subject>,
    /// What became of it.
    pub outcome: Outcome,
    /// What else is known.
    pub attributes: Attributes,
}

/// Who did something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor(pub Caller);

/// The secret that an entry is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Which secret.
    pub object: ObjectId,
    /// Which version, once that is known.
    pub version: Option<Version>,
}

/// What became of an access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Ok,
    /// The caller may not.
    Denied,
    /// There is no such secret or version.
    Unknown,
    /// The secret is deleted, or the version's key destroyed.
    Deleted,
    /// `if_version_matches` named another version than the current one.
    VersionMismatch,
    /// The row does not agree with the log, or does not open.
    Tampered,
    /// Nothing was wrong with this one, but another of the same request was refused.
    Withheld,
}

impl Outcome {
    /// The name in the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Denied => "denied",
            Self::Unknown => "unknown",
            Self::Deleted => "deleted",
            Self::VersionMismatch => "version_mismatch",
            Self::Tampered => "tampered",
            Self::Withheld => "withheld",
        }
    }
}

/// What else an entry says. Never a value, nor anything computed from one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    /// The variable that a value goes into.
    pub variable: Option<String>,
    /// How many secrets a list held.
    pub count: Option<usize>,
    /// The container that values are for.
    pub container: Option<Container>,
}

impl Entry {
    /// The version of the canonical form.
    const FORMAT: u8 = 1;

    /// The bytes that the log keeps: JSON with a fixed order of keys and no space.
    ///
    /// They are never written again; a later version of this form gets another `v`.
    pub fn canonical(&self, vault: VaultId, at: Timestamp) -> Result<Vec<u8>, serde_json::Error> {
        let form = Canonical {
            v: Self::FORMAT,
            at,
            action: self.action.as_str(),
            actor: &self.actor,
            target: Target { r#type: "vault/object", subject: self.subject.as_ref() },
            attributes: Written { outcome: self.outcome, attributes: &self.attributes },
            tenant_id: vault.to_string(),
        };
        serde_json::to_vec(&form)
    }

    /// The secret and version whose value this entry accounts for, if its value may now be opened.
    pub fn opens(&self) -> Option<(&ObjectId, Version)> {
        let opening = matches!(self.action, Action::Reveal | Action::Inject) && self.outcome == Outcome::Ok;
        let subject = self.subject.as_ref().filter(|_| opening)?;
        Some((&subject.object, subject.version?))
    }
}

#[derive(Serialize)]
struct Canonical<'a> {
    v: u8,
    at: Timestamp,
    action: &'a str,
    actor: &'a Actor,
    target: Target<'a>,
    attributes: Written<'a>,
    tenant_id: String,
}

impl Serialize for Actor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Caller::Peer(peer) = &self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", "user")?;
        map.serialize_entry("uid", &peer.uid)?;
        map.serialize_entry("gid", &peer.gid)?;
        if let Some(pid) = peer.pid {
            map.serialize_entry("pid", &pid)?;
        }
        map.end()
    }
}

struct Target<'a> {
    r#type: &'a str,
    subject: Option<&'a Subject>,
}

impl Serialize for Target<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", self.r#type)?;
        if let Some(subject) = self.subject {
            map.serialize_entry("id", subject.object.as_str())?;
            if let Some(version) = subject.version {
                map.serialize_entry("version", &version.to_string())?;
            }
        }
        map.end()
    }
}

struct Written<'a> {
    outcome: Outcome,
    attributes: &'a Attributes,
}

impl Serialize for Written<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("outcome", self.outcome.as_str())?;
        if let Some(variable) = &self.attributes.variable {
            map.serialize_entry("variable", variable)?;
        }
        if let Some(count) = self.attributes.count {
            map.serialize_entry("count", &count)?;
        }
        if let Some(container) = &self.attributes.container {
            let texts = [
                ("container_id", &container.id),
                ("bundle", &container.bundle),
                ("engine", &container.engine),
                ("image", &container.image),
                ("runtime", &container.runtime),
            ];
            for (name, text) in texts.into_iter().filter(|(_, text)| !text.is_empty()) {
                map.serialize_entry(name, text)?;
            }
            map.serialize_entry("pid", &container.pid)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Peer;

    #[test]
    fn the_canonical_form_is_fixed() {
        let entry = Entry {
            action: Action::Inject,
            actor: Actor(Caller::Peer(Peer { uid: 0, gid: 0, pid: Some(7) })),
            subject: Some(Subject { object: "sec_abc".parse().expect("an id"), version: Version::new(2) }),
            outcome: Outcome::Ok,
            attributes: Attributes {
                variable: Some("DATABASE_URL".to_owned()),
                container: Some(Container { id: "web".to_owned(), pid: 8, ..Container::default() }),
                ..Attributes::default()
            },
        };
        let at = "2026-01-02T03:04:05.000006Z".parse().expect("a time");
        let bytes = entry.canonical(VaultId::from_bytes([1; 16]), at).expect("serializes");
        let text = String::from_utf8(bytes).expect("UTF-8");
        assert_eq!(
            text,
            r#"{"v":1,"at":"2026-01-02T03:04:05.000006Z","action":"vault.object.inject","actor":{"type":"user","uid":0,"gid":0,"pid":7},"target":{"type":"vault/object","id":"sec_abc","version":"2"},"attributes":{"outcome":"ok","variable":"DATABASE_URL","container_id":"web","pid":8},"tenant_id":"tenant_01010101010101010101010101010101"}"#
        );
    }
}
