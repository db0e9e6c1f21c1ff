//! A new version.

use super::load::{self, Asked};
use super::{Error, Refusal, Vault, entry};
use crate::audit::Outcome;
use crate::authz::{Action, Grant, Principal};
use crate::domain::{Object, ObjectId, SecretValue, Version, VersionInfo};
use crate::seal::KeyError;
use crate::store::{StoreError, WriteTx};

impl Vault {
    /// Stores a new version, only if `expected` is the current one where it is named.
    pub async fn update(
        &self,
        principal: &Principal,
        id: ObjectId,
        value: SecretValue,
        expected: Option<Version>,
    ) -> Result<Object, Error> {
        let (vault, principal) = (self.clone(), principal.clone());
        let (result, _) = self
            .store
            .write(move |tx| {
                let asked = Asked { principal: &principal, action: Action::Update, id: &id };
                match vault.genuine(tx, &asked, expected)? {
                    Ok((object, grant)) => Ok(Ok(vault.add_version(tx, &grant, object, &value)?)),
                    Err(refusal) => {
                        let outcome = refusal.outcome();
                        tx.append(&entry(principal.caller(), Action::Update, Some(&id), expected, outcome))?;
                        Ok(Err(refusal))
                    }
                }
            })
            .await?;
        Ok(result.map_err(Error::Refused)??)
    }

    /// The same as [`expect`], if its row is what the current version was sealed for. The next version is sealed for
    /// that row too: whoever had made it revealable would then be shown the next value.
    fn genuine(
        &self,
        tx: &mut dyn WriteTx,
        asked: &Asked<'_>,
        expected: Option<Version>,
    ) -> Result<Result<(Object, Grant), Refusal>, StoreError> {
        let (object, grant) = match expect(tx, asked, expected)? {
            Ok(found) => found,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let stored = load::version(tx, &object, None)?;
        Ok(stored.and_then(|stored| self.verify(&object, &stored)).map(|()| (object, grant)))
    }

    fn add_version(
        &self,
        tx: &mut dyn WriteTx,
        grant: &Grant,
        mut object: Object,
        value: &SecretValue,
    ) -> Result<Result<Object, KeyError>, StoreError> {
        object.current = VersionInfo { version: object.current.version.next(), created_at: tx.now() };
        let sealed = match self.keys.ring.seal(&self.context(&object, object.current), value.as_secret()) {
            Ok(sealed) => sealed,
            Err(error) => return Ok(Err(error)),
        };
        tx.insert_version(grant, &object.id, object.current, &sealed)?;
        let newest = object.current.version.get();
        if let Some(first_kept) = newest.checked_sub(u64::from(self.versions_kept.get()) - 1).and_then(Version::new) {
            tx.destroy_versions_before(grant, &object.id, first_kept)?;
        }
        let version = Some(object.current.version);
        tx.append(&entry(grant.caller(), Action::Update, Some(&object.id), version, Outcome::Ok))?;
        Ok(Ok(object))
    }
}

/// A living secret, at the version that the caller expects.
pub(super) fn expect(
    tx: &mut dyn WriteTx,
    asked: &Asked<'_>,
    expected: Option<Version>,
) -> Result<Result<(Object, Grant), Refusal>, StoreError> {
    Ok(load::living(tx, asked)?.and_then(|(object, grant)| {
        let current = object.current.version;
        match expected {
            Some(expected) if expected != current => {
                Err(Refusal::VersionMismatch { object: object.id, expected, current })
            }
            _ => Ok((object, grant)),
        }
    }))
}
