//! The end of a secret.

use super::update::expect;
use super::{Error, Vault, entry};
use crate::audit::Outcome;
use crate::authz::Action;
use crate::domain::{Caller, ObjectId, Version};

impl Vault {
    /// Destroys the keys of every version; the metadata stays describable.
    pub async fn delete(&self, caller: &Caller, id: ObjectId, expected: Option<Version>) -> Result<(), Error> {
        let grant = self.permit(caller, Action::Delete, Some(&id)).await?;
        let (result, _) = self
            .store
            .write(move |tx| {
                let (outcome, version, result) = match expect(tx, &id, expected)? {
                    Ok(object) => {
                        tx.delete_object(&grant, &id)?;
                        (Outcome::Ok, Some(object.current.version), Ok(()))
                    }
                    Err(refusal) => (refusal.outcome(), expected, Err(refusal)),
                };
                tx.append(&entry(grant.caller(), Action::Delete, Some(&id), version, outcome))?;
                Ok(result)
            })
            .await?;
        result.map_err(Error::Refused)
    }
}
