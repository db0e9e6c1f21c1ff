//! Why a use case was not done.

use std::fmt;

use super::{InstanceRefusal, TokenRefusal};
use crate::audit::Outcome;
use crate::authz::Denied;
use crate::domain::{InvalidContainer, InvalidObject, ObjectId, RequestId, Timestamp, Version};
use crate::seal::KeyError;
use crate::store::StoreError;

/// Why a use case was not done. Nothing changed but the log.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A part of the request breaks its rule.
    #[error("{0}")]
    Invalid(String),
    /// The caller may not, whatever the secret.
    #[error("{0}")]
    Denied(Denied),
    /// It can't be done with this secret.
    #[error("{0}")]
    Refused(Refusal),
    /// It can't be done with these references, so with none of the request.
    #[error("{}", joined(.0))]
    Unresolved(Vec<(String, Refusal)>),
    /// It is no injection that the caller may report about, or one whose container has gone.
    #[error("there is no injection {id} that you may report about")]
    UnknownInjection {
        /// What was reported about.
        id: RequestId,
    },
    /// The log is not what it was.
    #[error("the audit log was changed: {reason}")]
    BrokenLog {
        /// How that can be seen.
        reason: String,
    },
    /// It can't be done with this token.
    #[error("{0}")]
    Token(TokenRefusal),
    /// It can't be done with this instance.
    #[error("{0}")]
    Instance(InstanceRefusal),
    /// What was presented is no token that counts; which of the reasons it is, only the log says.
    #[error("the bearer token is missing or not valid, or it has expired or been revoked: call with another")]
    Unauthenticated,
    /// The store could not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A key could not be had.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl From<InvalidObject> for Error {
    fn from(error: InvalidObject) -> Self {
        Self::Invalid(error.to_string())
    }
}

impl From<InvalidContainer> for Error {
    fn from(error: InvalidContainer) -> Self {
        Self::Invalid(error.to_string())
    }
}

/// Why something can't be done with a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is none.
    Unknown {
        /// What was asked for.
        object: ObjectId,
    },
    /// The caller may not, or may not know of it. It reads as if there were none; the log knows better.
    Forbidden {
        /// What was asked for.
        object: ObjectId,
    },
    /// It has no such version.
    UnknownVersion {
        /// The secret.
        object: ObjectId,
        /// What was asked for.
        version: Version,
        /// The newest there is.
        current: Version,
    },
    /// It is deleted.
    Deleted {
        /// The secret.
        object: ObjectId,
        /// Since when.
        at: Timestamp,
    },
    /// The version's key has been destroyed.
    Destroyed {
        /// The secret.
        object: ObjectId,
        /// The version.
        version: Version,
    },
    /// `if_version_matches` named another version.
    VersionMismatch {
        /// The secret.
        object: ObjectId,
        /// What the caller expected.
        expected: Version,
        /// What is current.
        current: Version,
    },
    /// What lies in the store is not what was stored.
    Tampered {
        /// The secret.
        object: ObjectId,
        /// What was noticed.
        reason: String,
    },
}

impl Refusal {
    pub(super) fn unknown(object: &ObjectId) -> Self {
        Self::Unknown { object: object.clone() }
    }

    pub(super) fn forbidden(object: &ObjectId) -> Self {
        Self::Forbidden { object: object.clone() }
    }

    /// How the log calls it.
    pub(super) fn outcome(&self) -> Outcome {
        match self {
            Self::Unknown { .. } | Self::UnknownVersion { .. } => Outcome::Unknown,
            Self::Forbidden { .. } => Outcome::Denied,
            Self::Deleted { .. } | Self::Destroyed { .. } => Outcome::Deleted,
            Self::VersionMismatch { .. } => Outcome::VersionMismatch,
            Self::Tampered { .. } => Outcome::Tampered,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { object } | Self::Forbidden { object } => {
                write!(f, "there is no secret {object} that you may use: see `ampoule vault list`")
            }
            Self::UnknownVersion { object, version, current } => {
                write!(f, "secret {object} has no version {version}: the newest is {current}")
            }
            Self::Deleted { object, at } => {
                write!(f, "secret {object} was deleted at {at:.0}: store it anew and refer to the new id")
            }
            Self::Destroyed { object, version } => {
                write!(f, "version {version} of secret {object} is destroyed: refer to a newer version")
            }
            Self::VersionMismatch { object, expected, current } => {
                write!(f, "secret {object} is at version {current}, not {expected}: read it again and decide anew")
            }
            Self::Tampered { object, reason } => {
                write!(f, "secret {object} can't be opened, {reason}: restore the database from a backup")
            }
        }
    }
}

fn joined(failures: &[(String, Refusal)]) -> String {
    const SHOWN: usize = 5;
    let mut text: Vec<String> =
        failures.iter().take(SHOWN).map(|(name, refusal)| format!("{name}: {refusal}")).collect();
    if failures.len() > SHOWN {
        text.push(format!("and {} more", failures.len() - SHOWN));
    }
    text.join("; ")
}
