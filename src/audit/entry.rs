//! One entry.

use crate::authz::{Action, Permission, ResourceType};
use crate::domain::{
    Caller, Container, FilePath, Identity, InstanceId, ObjectId, RequestId, Timestamp, TokenId, TokenName, Version,
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
    pub(super) fn target_type(self) -> &'static str {
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
    /// What a command was run, an instance ended or a container refused for, as the caller says.
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

    /// The secret and version whose value this entry accounts for, if its value may now be opened.
    pub fn opens(&self) -> Option<(&ObjectId, Version)> {
        let opening = matches!(self.action, Event::Access(Action::Reveal | Action::Inject | Action::InjectExec));
        match self.subject.as_ref().filter(|_| opening && self.outcome == Outcome::Ok)? {
            Subject::Object { id, version } => Some((id, (*version)?)),
            Subject::Token(_) | Subject::Instance(_) | Subject::Key(_) => None,
        }
    }
}
