//! One entry, and the bytes that stand for it for ever.

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use crate::authz::{Action, Permission, ResourceType};
use crate::domain::{
    Caller, Container, FilePath, Identity, InstanceId, ObjectId, Origin, Peer, RequestId, Timestamp, TokenId,
    TokenName, VaultId, Version,
};

/// One access, before the log has given it a time and a place.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What was asked for, or what happened.
    pub action: Event,
    /// Who asked.
    pub actor: Actor,
    /// About what, if one thing.
    pub subject: Option<Subject>,
    /// What became of it.
    pub outcome: Outcome,
    /// What else is known.
    pub attributes: Attributes,
}

/// What an entry tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Somebody wanted to do something.
    Access(Action),
    /// The daemon has started.
    Start,
    /// The daemon stops.
    Stop,
    /// The vault's keys were to be unwrapped.
    Unseal,
    /// A key was made.
    MakeKey,
    /// A container was to be created with what was injected.
    Injected,
    /// A container that had it has gone.
    Released,
}

impl From<Action> for Event {
    fn from(action: Action) -> Self {
        Self::Access(action)
    }
}

impl Event {
    /// The name in the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Access(action) => action.as_str(),
            Self::Start => "daemon.start",
            Self::Stop => "daemon.stop",
            Self::Unseal => "vault.key.unseal",
            Self::MakeKey => "vault.key.create",
            Self::Injected => "vault.object.injected",
            Self::Released => "vault.object.released",
        }
    }

    /// The type of what it is about.
    fn target_type(self) -> &'static str {
        match self {
            Self::Access(action) => action.resource_type().as_str(),
            Self::Start | Self::Stop => "daemon",
            Self::Unseal | Self::MakeKey => "vault/key",
            Self::Injected | Self::Released => ResourceType::Object.as_str(),
        }
    }
}

/// Who did something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor(pub Caller);

/// What an entry is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A secret.
    Object {
        /// Which one.
        id: ObjectId,
        /// Which version, once that is known.
        version: Option<Version>,
    },
    /// A token.
    Token(TokenId),
    /// An instance.
    Instance(InstanceId),
    /// One of the vault's own keys: its name, never the key.
    Key(String),
}

impl Subject {
    /// The version, of a secret.
    pub fn version(&self) -> Option<Version> {
        match self {
            Self::Object { version, .. } => *version,
            Self::Token(_) | Self::Instance(_) | Self::Key(_) => None,
        }
    }
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
    /// It was tried and did not succeed.
    Failed,
    /// Nothing was wrong with this one, but another of the same request was refused.
    Withheld,
    /// There is one of that name already.
    Exists,
    /// The token has ended by itself.
    Expired,
    /// The token was ended.
    Revoked,
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
            Self::Failed => "failed",
            Self::Withheld => "withheld",
            Self::Exists => "exists",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

/// What else an entry says. Never a value, nor anything computed from one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    /// The variable that a value goes into.
    pub variable: Option<String>,
    /// The file in the container that a value goes into.
    pub file: Option<FilePath>,
    /// How many things a list held, or an order for many met.
    pub count: Option<usize>,
    /// The container that values are for.
    pub container: Option<Container>,
    /// The request that they were given to.
    pub injection: Option<RequestId>,
    /// What a new token is.
    pub token: Option<TokenFacts>,
    /// What a command was run or an instance ended for.
    pub reason: Option<String>,
    /// The container of an instance that something was done in, by its name there.
    pub member: Option<String>,
}

/// What the log keeps of a new token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenFacts {
    /// What people call it.
    pub name: TokenName,
    /// When it ends by itself, if it was made.
    pub expires_at: Option<Timestamp>,
    /// All that its holder may do.
    pub permissions: Vec<Permission>,
}

impl Entry {
    /// The version of the canonical form.
    const FORMAT: u8 = 1;

    /// What the daemon did of its own accord, and did well.
    pub fn of_daemon(event: Event) -> Self {
        Self {
            action: event,
            actor: Actor(Caller { identity: Identity::Daemon, request: RequestId::new(0) }),
            subject: None,
            outcome: Outcome::Ok,
            attributes: Attributes::default(),
        }
    }

    /// A daemon had not the right key.
    pub fn failed_unseal() -> Self {
        Self { outcome: Outcome::Failed, ..Self::of_daemon(Event::Unseal) }
    }

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
            tenant_id: vault.to_string(),
        };
        // Most fit; what grows is copied, and wiped where it was.
        let mut bytes = Vec::with_capacity(1024);
        serde_json::to_writer(&mut bytes, &form)?;
        Ok(bytes)
    }

    /// The secret and version whose value this entry accounts for, if its value may now be opened.
    pub fn opens(&self) -> Option<(&ObjectId, Version)> {
        let opening = matches!(self.action, Event::Access(Action::Reveal | Action::Inject | Action::InjectExec));
        match self.subject.as_ref().filter(|_| opening && self.outcome == Outcome::Ok)? {
            Subject::Object { id, version } => Some((id, (*version)?)),
            Subject::Token(_) | Subject::Instance(_) | Subject::Key(_) => None,
        }
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
        map.serialize_entry("request_id", &self.request.request.to_string())?;
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
            map.serialize_entry("injection", &injection.to_string())?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
