//! The end of a secret.

use super::load::Asked;
use super::update::expect;
use super::{Error, Vault, entry};
use crate::audit::Outcome;
use crate::authz::{Action, Principal};
use crate::domain::{Object, ObjectId, Version};

impl Vault {
    /// Destroys the keys of every version; the metadata, which is the answer, stays describable.
    pub async fn delete(
        &self,
        principal: &Principal,
        id: ObjectId,
        expected: Option<Version>,
    ) -> Result<Object, Error> {
        let principal = principal.clone();
        let (result, _) = self
            .store
            .write(move |tx| {
                let asked = Asked { principal: &principal, action: Action::Delete, id: &id };
                let (outcome, version, result) = match expect(tx, &asked, expected)? {
                    Ok((object, grant)) => {
                        tx.delete_object(&grant, &id, object.current.version)?;
                        (Outcome::Ok, Some(object.current.version), Ok(object))
                    }
                    Err(refusal) => (refusal.outcome(), expected, Err(refusal)),
                };
                tx.append(&entry(principal.caller(), Action::Delete, Some(&id), version, outcome))?;
                Ok(result)
            })
            .await?;
        result.map_err(Error::Refused)
    }
}
