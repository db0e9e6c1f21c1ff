//! What a secret is, and for a revealable one its value.

use super::{Error, Refusal, Vault, entry, load};
use crate::audit::Outcome;
use crate::authz::Action;
use crate::domain::{Caller, Object, ObjectId, SecretBytes, VersionInfo};
use crate::store::{ReadTx, StoreError, StoredVersion};

/// How many earlier versions a description names.
const PREVIOUS: u32 = 10;

/// Whether the caller wants the value where it may be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disclosure {
    /// The value too, if the secret is revealable.
    ValueIfRevealable,
    /// Metadata only.
    MetadataOnly,
}

/// A secret's description.
pub struct Described {
    /// Its metadata.
    pub object: Object,
    /// Its current value, if it is revealable and was wanted.
    pub value: Option<SecretBytes>,
    /// Earlier versions, newest first.
    pub previous: Vec<VersionInfo>,
}

struct Found {
    object: Object,
    stored: Option<StoredVersion>,
    previous: Vec<VersionInfo>,
}

impl Vault {
    /// Describes a secret.
    pub async fn describe(&self, caller: &Caller, id: ObjectId, disclosure: Disclosure) -> Result<Described, Error> {
        let grant = self.permit(caller, Action::Describe, Some(&id)).await?;
        let vault = self.clone();
        let (result, recorded) = self
            .store
            .write(move |tx| {
                let result = vault.find(tx, &id, disclosure)?;
                let (action, version, outcome) = match &result {
                    Ok(found) if found.stored.is_some() => (Action::Reveal, Some(found), Outcome::Ok),
                    Ok(found) => (Action::Describe, Some(found), Outcome::Ok),
                    Err(refusal) => (Action::Describe, None, refusal.outcome()),
                };
                let version = version.map(|found| found.object.current.version);
                tx.append(&entry(grant.caller(), action, Some(&id), version, outcome))?;
                Ok(result)
            })
            .await?;
        let Found { object, stored, previous } = result.map_err(Error::Refused)?;
        let opened = stored.as_ref().map(|stored| self.open(&object, stored, &recorded)).transpose();
        match opened {
            Ok(value) => Ok(Described { object, value, previous }),
            Err(error) => {
                let version = Some(object.current.version);
                self.record(entry(caller, Action::Reveal, Some(&object.id), version, Outcome::Tampered)).await?;
                Err(Error::Refused(Refusal::Tampered { object: object.id, reason: error.to_string() }))
            }
        }
    }

    fn find(
        &self,
        tx: &mut (impl ReadTx + ?Sized),
        id: &ObjectId,
        disclosure: Disclosure,
    ) -> Result<Result<Found, Refusal>, StoreError> {
        let object = match load::object(tx, id)? {
            Ok(object) => object,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let previous = match load::previous(tx, &object, PREVIOUS)? {
            Ok(previous) => previous,
            Err(refusal) => return Ok(Err(refusal)),
        };
        if object.deleted_at.is_some() {
            // Its keys are gone, and with them what could vouch for the row.
            return Ok(Ok(Found { object, stored: None, previous }));
        }
        let reveal = object.revealable && disclosure == Disclosure::ValueIfRevealable;
        Ok(load::version(tx, &object, None)?.and_then(|stored| {
            self.verify(&object, &stored)?;
            Ok(Found { object, stored: reveal.then_some(stored), previous })
        }))
    }
}
