//! The bytes that stand for an entry for ever.

use std::fmt;

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::{Actor, Attributes, Entry, Outcome, Subject, TokenFacts};
use crate::domain::{Caller, Identity, Origin, Peer, Timestamp, VaultId};

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
            target: Target { r#type: self.action.target_type(), subject: self.subject.as_ref() },
            attributes: Written { outcome: self.outcome, request: &self.actor.0, attributes: &self.attributes },
            tenant_id: Shown(vault),
        };
        // Most fit; what grows is copied, and wiped where it was.
        let mut bytes = Vec::with_capacity(1024);
        serde_json::to_writer(&mut bytes, &form)?;
        Ok(bytes)
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
    tenant_id: Shown<VaultId>,
}

/// Written as it is displayed.
struct Shown<T>(T);

impl<T: fmt::Display> Serialize for Shown<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl Serialize for Actor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match &self.0.identity {
            Identity::Peer(peer) => {
                map.serialize_entry("type", "user")?;
                write_peer(&mut map, *peer)?;
            }
            Identity::Token { id, from } => {
                map.serialize_entry("type", "token")?;
                map.serialize_entry("id", id.as_str())?;
                write_origin(&mut map, *from)?;
            }
            Identity::Anonymous(from) => {
                map.serialize_entry("type", "anonymous")?;
                write_origin(&mut map, *from)?;
            }
            Identity::Daemon => map.serialize_entry("type", "daemon")?,
        }
        map.end()
    }
}

fn write_peer<M: SerializeMap>(map: &mut M, peer: Peer) -> Result<(), M::Error> {
    map.serialize_entry("uid", &peer.uid)?;
    map.serialize_entry("gid", &peer.gid)?;
    peer.pid.map_or(Ok(()), |pid| map.serialize_entry("pid", &pid))
}

fn write_origin<M: SerializeMap>(map: &mut M, origin: Origin) -> Result<(), M::Error> {
    match origin {
        Origin::Address(address) => map.serialize_entry("address", &address.to_string()),
        Origin::Peer(peer) => write_peer(map, peer),
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
        match self.subject {
            Some(Subject::Object { id, version }) => {
                map.serialize_entry("id", id.as_str())?;
                if let Some(version) = version {
                    map.serialize_entry("version", &version.to_string())?;
                }
            }
            Some(Subject::Token(id)) => map.serialize_entry("id", id.as_str())?,
            Some(Subject::Instance(id)) => map.serialize_entry("id", id.as_str())?,
            Some(Subject::Key(name)) => map.serialize_entry("id", name)?,
            None => {}
        }
        map.end()
    }
}

struct Written<'a> {
    outcome: Outcome,
    request: &'a Caller,
    attributes: &'a Attributes,
}

impl Serialize for Written<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("outcome", self.outcome.as_str())?;
        map.serialize_entry("request_id", &Shown(self.request.request))?;
        if let Some(variable) = &self.attributes.variable {
            map.serialize_entry("variable", variable)?;
        }
        if let Some(file) = &self.attributes.file {
            map.serialize_entry("file", file.as_str())?;
        }
        if let Some(count) = self.attributes.count {
            map.serialize_entry("count", &count)?;
        }
        if let Some(TokenFacts { name, expires_at, permissions }) = &self.attributes.token {
            map.serialize_entry("name", name.as_str())?;
            expires_at.map_or(Ok(()), |at| map.serialize_entry("expires_at", &at))?;
            map.serialize_entry("grants", &permissions.iter().map(ToString::to_string).collect::<Vec<_>>())?;
        }
        if let Some(reason) = &self.attributes.reason {
            map.serialize_entry("reason", reason)?;
        }
        if let Some(member) = &self.attributes.member {
            map.serialize_entry("container", member)?;
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
        if let Some(injection) = self.attributes.injection {
            map.serialize_entry("injection", &Shown(injection))?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authz::Action;
    use crate::domain::{Container, RequestId, TokenId, Version};

    fn actor(identity: Identity) -> Actor {
        Actor(Caller { identity, request: RequestId::new(9) })
    }

    #[test]
    fn every_actor_has_its_own_form() {
        let address = Origin::Address("[::1]:7".parse().expect("an address"));
        let id: TokenId = "tok_a".parse().expect("an id");
        let peer = Origin::Peer(Peer { uid: 1, gid: 2, pid: None });
        for (identity, form) in [
            (Identity::Token { id: id.clone(), from: address }, r#"{"type":"token","id":"tok_a","address":"[::1]:7"}"#),
            (Identity::Token { id, from: peer }, r#"{"type":"token","id":"tok_a","uid":1,"gid":2}"#),
            (Identity::Anonymous(address), r#"{"type":"anonymous","address":"[::1]:7"}"#),
            (Identity::Daemon, r#"{"type":"daemon"}"#),
        ] {
            assert_eq!(serde_json::to_string(&actor(identity)).expect("serializes"), form);
        }
    }

    #[test]
    fn the_canonical_form_is_fixed() {
        let entry = Entry {
            action: Action::Inject.into(),
            actor: actor(Identity::Peer(Peer { uid: 0, gid: 0, pid: Some(7) })),
            subject: Some(Subject::Object { id: "sec_abc".parse().expect("an id"), version: Version::new(2) }),
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
            r#"{"v":1,"at":"2026-01-02T03:04:05.000006Z","action":"vault.object.inject","actor":{"type":"user","uid":0,"gid":0,"pid":7},"target":{"type":"vault/object","id":"sec_abc","version":"2"},"attributes":{"outcome":"ok","request_id":"req_0000000000000009","variable":"DATABASE_URL","container_id":"web","pid":8},"tenant_id":"tenant_01010101010101010101010101010101"}"#
        );
    }
}
