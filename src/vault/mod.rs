//! The use cases: authorise, record, then open. Every way to a secret leads through here.

mod checkpoint;
mod confine;
mod create;
mod delete;
mod describe;
mod error;
mod forward;
mod health;
mod instance;
mod keys;
mod list;
mod load;
mod log;
mod overview;
mod prove;
mod resolve;
mod search;
mod token;
mod update;
mod usage;

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Instant;

pub use create::NewObject;
pub use describe::{Described, Disclosure};
pub use error::{Error, Refusal};
pub use forward::Forwarded;
pub use instance::{InstancePage, InstanceQuery, InstanceRefusal, Named};
pub use keys::{Keys, NewKeys};
pub use log::LogPage;
pub use overview::{KeyFacts, LogState};
pub use prove::{Continued, Proven};
pub use resolve::{Injected, Purpose, Reference, Resolved};
pub use search::{Listed, ObjectPage, Order, Place, Search};
pub use token::{MadeToken, NewToken, TokenFilter, TokenPage, TokenRefusal};
pub use usage::{Fate, StillHeld, Usage, UsageFilter};

use tokio::sync::watch;

use crate::audit::{Actor, Attributes, Entry, Outcome, Subject};
use crate::authz::{Action, Grant, Principal, Resource};
use crate::domain::{Caller, Object, ObjectId, SecretBytes, VaultId, Version, VersionInfo};
use crate::seal::{OpenError, SealContext};
use crate::store::{Recorded, Store, StoredVersion};
use usage::Processes;

/// A vault that is open.
#[derive(Clone)]
pub struct Vault {
    store: Store,
    keys: Arc<Keys>,
    versions_kept: NonZeroU32,
    last_probe: Arc<Mutex<Option<Instant>>>,
    confined: confine::Confined,
    processes: Arc<Processes>,
    /// Told when tokens have been ended.
    ended: Arc<watch::Sender<()>>,
}

impl Vault {
    /// The vault on this store, with its keys.
    pub fn new(store: Store, keys: Keys, versions_kept: NonZeroU32) -> Self {
        Self {
            store,
            keys: Arc::new(keys),
            versions_kept,
            last_probe: Arc::default(),
            confined: confine::Confined::default(),
            processes: Arc::new(Processes::of_host()),
            ended: Arc::new(watch::Sender::new(())),
        }
    }

    /// Which vault it is.
    pub fn id(&self) -> VaultId {
        self.store.vault_id()
    }

    /// Decides about what concerns no secret that is there, and records a denial.
    async fn permit(&self, principal: &Principal, action: Action, resource: Resource<'_>) -> Result<Grant, Error> {
        match principal.may(action, resource) {
            Ok(grant) => Ok(grant),
            Err(denied) => {
                self.record(entry(principal.caller(), action, None, None, Outcome::Denied)).await?;
                Err(Error::Denied(denied))
            }
        }
    }

    /// Appends one entry.
    async fn record(&self, entry: Entry) -> Result<(), Error> {
        self.store.write(move |tx| tx.append(&entry)).await?;
        Ok(())
    }

    /// Opens a version, which the log must account for.
    fn open(&self, object: &Object, stored: &StoredVersion, recorded: &Recorded) -> Result<SecretBytes, OpenError> {
        let sealed = stored.sealed.as_ref().ok_or(OpenError::Altered)?;
        self.keys.ring.open(&self.context(object, stored.info), sealed, recorded)
    }

    /// Checks that a version lies where it was sealed, so that its time, its labels and whether it is revealable are
    /// what they were.
    fn verify(&self, object: &Object, stored: &StoredVersion) -> Result<(), Refusal> {
        let sealed = stored.sealed.as_ref().ok_or(OpenError::Altered);
        let verified = sealed.and_then(|sealed| self.keys.ring.verify(&self.context(object, stored.info), sealed));
        verified.map_err(|error| Refusal::Tampered { object: object.id.clone(), reason: error.to_string() })
    }

    fn context<'a>(&self, object: &'a Object, version: VersionInfo) -> SealContext<'a> {
        SealContext {
            vault: self.store.vault_id(),
            object: &object.id,
            version,
            revealable: object.revealable,
            labels: &object.labels,
        }
    }
}

/// An entry about one secret, or about none.
fn entry(
    caller: &Caller,
    action: Action,
    object: Option<&ObjectId>,
    version: Option<Version>,
    outcome: Outcome,
) -> Entry {
    Entry {
        action: action.into(),
        actor: Actor(caller.clone()),
        subject: object.map(|id| Subject::Object { id: id.clone(), version }),
        outcome,
        attributes: Attributes::default(),
    }
}
