//! What a secret is, and for a revealable one its value.

use super::load::{self, Asked};
use super::{Error, Refusal, Vault, entry};
use crate::audit::Outcome;
use crate::authz::{Action, Principal, Resource};
use crate::domain::{Object, ObjectId, SecretBytes, VersionInfo};
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
    pub async fn describe(
        &self,
        principal: &Principal,
        id: ObjectId,
        disclosure: Disclosure,
    ) -> Result<Described, Error> {
        let caller = principal.caller();
        let (vault, principal) = (self.clone(), principal.clone());
        let (result, recorded) = self
            .store
            .write(move |tx| {
                let asked = Asked { principal: &principal, action: Action::Describe, id: &id };
                let result = vault.find(tx, &asked, disclosure)?;
                let (action, version, outcome) = match &result {
                    Ok(found) if found.stored.is_some() => (Action::Reveal, Some(found), Outcome::Ok),
                    Ok(found) => (Action::Describe, Some(found), Outcome::Ok),
                    Err(refusal) => (Action::Describe, None, refusal.outcome()),
                };
                let version = version.map(|found| found.object.current.version);
                tx.append(&entry(principal.caller(), action, Some(&id), version, outcome))?;
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
        asked: &Asked<'_>,
        disclosure: Disclosure,
    ) -> Result<Result<Found, Refusal>, StoreError> {
        let object = match load::object(tx, asked)? {
            Ok((object, _)) => object,
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
        let wanted = object.revealable && disclosure == Disclosure::ValueIfRevealable;
        let resource = Resource::Object(&object.id, Some(&object.labels));
        let reveal = wanted && asked.principal.may(Action::Reveal, resource).is_ok();
        Ok(load::version(tx, &object, None)?.and_then(|stored| {
            self.verify(&object, &stored)?;
            Ok(Found { object, stored: reveal.then_some(stored), previous })
        }))
    }
}
