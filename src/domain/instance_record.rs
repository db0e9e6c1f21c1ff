//! What is kept of an instance: a group of containers that are started, described and destroyed together.

use std::fmt;
use std::str::FromStr;

use ampoule_proto::request::Reference;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::devbox::Devbox;
use super::{ActorId, Labels, TokenId};

/// An instance's identifier: `inst-` and lower-case letters and digits, so that a host can be called by it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstanceId(String);

impl InstanceId {
    /// What every identifier of an instance begins with.
    pub const PREFIX: &'static str = "inst-";

    /// Makes an identifier from the time, in milliseconds since 1970, and 10 random bytes: later ones sort later.
    pub fn new(milliseconds: u64, random: [u8; 10]) -> Self {
        const ALPHABET: &[u8; 32] = b"0123456789abcdefghijklmnopqrstuv";
        let time = (0..9).rev().map(|place| milliseconds >> (5 * place));
        let tail = time.chain(random.map(u64::from)).map(|bits| char::from(ALPHABET[(bits % 32) as usize]));
        Self(Self::PREFIX.chars().chain(tail).collect())
    }

    /// The identifier as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for InstanceId {
    type Err = InvalidInstanceId;

    fn from_str(text: &str) -> Result<Self, InvalidInstanceId> {
        let tail = text.strip_prefix(Self::PREFIX).unwrap_or_default();
        let plain = tail.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        if tail.is_empty() || tail.len() > 40 || !plain {
            return Err(InvalidInstanceId);
        }
        Ok(Self(text.to_owned()))
    }
}

/// A text that is no instance's identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidInstanceId;

impl fmt::Display for InvalidInstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an instance's id: expected inst- and lower-case letters and digits")
    }
}

impl std::error::Error for InvalidInstanceId {}

/// An instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// Its identifier.
    pub id: InstanceId,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it ended.
    pub destroyed_at: Option<Timestamp>,
    /// When it is destroyed if nobody does so before.
    pub deadline: Option<Timestamp>,
    /// Why it is there, for people.
    pub purpose: String,
    /// Who asked for it.
    pub creator: ActorId,
    /// Labels, also those that grants name.
    pub labels: Labels,
    /// Processors; no limit if none.
    pub cpus: Option<u32>,
    /// Memory in MiB; no limit if none.
    pub memory: Option<u32>,
    /// How far it is.
    pub status: Status,
    /// Why it failed or ended, for people.
    pub reason: String,
    /// The token that its containers were given.
    pub token: Option<TokenId>,
    /// What it is besides, if it is a Devbox.
    pub devbox: Option<Devbox>,
    /// Its containers.
    pub members: Vec<Member>,
}

/// How far an instance is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It is accepted.
    Pending,
    /// Its images are fetched and its containers made.
    Creating,
    /// Every container has been started.
    Running,
    /// Its containers are being removed.
    Destroying,
    /// It has ended.
    Destroyed,
    /// Its containers are being stopped.
    Suspending,
    /// Its containers are stopped, and kept.
    Suspended,
    /// Its containers, which were stopped, are being started.
    Resuming,
    /// It failed; its containers are stopped, and kept until it is destroyed.
    Error,
}

impl Status {
    /// Whether nothing will change it any more.
    pub fn is_over(self) -> bool {
        self == Self::Destroyed
    }

    /// The name that people see.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Creating => "CREATING",
            Self::Running => "RUNNING",
            Self::Destroying => "DESTROYING",
            Self::Destroyed => "DESTROYED",
            Self::Suspending => "SUSPENDING",
            Self::Suspended => "SUSPENDED",
            Self::Resuming => "RESUMING",
            Self::Error => "ERROR",
        }
    }
}

/// A container of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// What it is called within the instance.
    pub name: String,
    /// The engine's id, once it has one.
    pub id: Option<String>,
    /// Whether its end fails the instance; else the instance ends with it.
    pub is_service: bool,
    /// The secrets that it may be given: those that its maker may inject, and no others.
    pub references: Vec<Reference>,
    /// Its ports.
    pub ports: Vec<Exported>,
}

/// A port of a container and where it can be reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exported {
    /// Whether HTTP is spoken there.
    pub is_http: bool,
    /// Its number in the container.
    pub container: u16,
    /// The address and port on the host, once it has them.
    pub host: Option<(String, u16)>,
}

impl Instance {
    /// The container of this name; the only one if none is named.
    pub fn member(&self, name: &str) -> Option<&Member> {
        match (name, &*self.members) {
            ("", [only]) => Some(only),
            ("", _) => None,
            _ => self.members.iter().find(|member| member.name == name),
        }
    }

    /// The ids of the containers that were made.
    pub fn container_ids(&self) -> Vec<String> {
        self.members.iter().filter_map(|member| member.id.clone()).collect()
    }
}
