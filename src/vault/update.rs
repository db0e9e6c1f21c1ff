//! A new version.

use super::{Error, Refusal, Vault, entry, load};
use crate::audit::Outcome;
use crate::authz::{Action, Grant};
use crate::domain::{Caller, Object, ObjectId, SecretValue, Version, VersionInfo};
use crate::seal::KeyError;
use crate::store::{StoreError, WriteTx};

impl Vault {
    /// Stores a new version, only if `expected` is the current one where it is named.
    pub async fn update(
        &self,
        caller: &Caller,
        id: ObjectId,
        value: SecretValue,
        expected: Option<Version>,
    ) -> Result<Object, Error> {
        let grant = self.permit(caller, Action::Update, Some(&id)).await?;
        let vault = self.clone();
        let (result, _) = self
            .store
            .write(move |tx| match vault.genuine(tx, &id, expected)? {
                Ok(object) => Ok(Ok(vault.add_version(tx, &grant, object, &value)?)),
                Err(refusal) => {
                    tx.append(&entry(grant.caller(), Action::Update, Some(&id), expected, refusal.outcome()))?;
                    Ok(Err(refusal))
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
        id: &ObjectId,
        expected: Option<Version>,
    ) -> Result<Result<Object, Refusal>, StoreError> {
        let object = match expect(tx, id, expected)? {
            Ok(object) => object,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let stored = load::version(tx, &object, None)?;
        Ok(stored.and_then(|stored| self.verify(&object, &stored)).map(|()| object))
    }

    fn add_version(
        &self,
        tx: &mut dyn WriteTx,
        grant: &Grant,
        mut object: Object,
        value: &SecretValue,
    ) -> Result<Result<Object, KeyError>, StoreError> {
        object.current = VersionInfo { version: object.current.version.next(), created_at: tx.now() };
        let sealed = match self.ring.seal(&self.context(&object, object.current), value.as_secret()) {
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
    id: &ObjectId,
    expected: Option<Version>,
) -> Result<Result<Object, Refusal>, StoreError> {
    Ok(load::living(tx, id)?.and_then(|object| {
        let current = object.current.version;
        match expected {
            Some(expected) if expected != current => {
                Err(Refusal::VersionMismatch { object: id.clone(), expected, current })
            }
            _ => Ok(object),
        }
    }))
}
