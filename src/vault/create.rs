//! A new secret.

use super::{Error, Vault, entry};
use crate::audit::Outcome;
use crate::authz::{Action, Principal, Resource};
use crate::domain::{Description, Labels, Object, ObjectId, SecretValue, Timestamp, Version, VersionInfo};
use crate::seal::KeyError;

/// What a new secret is made of.
pub struct NewObject {
    /// Free text.
    pub description: Description,
    /// The first version's value.
    pub value: SecretValue,
    /// Whether a value may ever leave through the API.
    pub revealable: bool,
    /// Its labels.
    pub labels: Labels,
}

impl Vault {
    /// Stores a new secret as its first version.
    pub async fn create(&self, principal: &Principal, new: NewObject) -> Result<Object, Error> {
        let grant = self.permit(principal, Action::Create, Resource::NewObject(&new.labels)).await?;
        let id = new_id()?;
        let vault = self.clone();
        let (stored, _) = self
            .store
            .write(move |tx| {
                let current = VersionInfo { version: Version::FIRST, created_at: tx.now() };
                let NewObject { description, value, revealable, labels } = new;
                let object = Object { id, description, revealable, labels, current, deleted_at: None };
                let sealed = match vault.keys.ring.seal(&vault.context(&object, current), value.as_secret()) {
                    Ok(sealed) => sealed,
                    Err(error) => return Ok(Err(error)),
                };
                tx.insert_object(&grant, &object, &sealed)?;
                let version = Some(current.version);
                tx.append(&entry(grant.caller(), Action::Create, Some(&object.id), version, Outcome::Ok))?;
                Ok(Ok(object))
            })
            .await?;
        Ok(stored?)
    }
}

fn new_id() -> Result<ObjectId, KeyError> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|error| KeyError::NoRandomness { reason: error.to_string() })?;
    let now = u64::try_from(Timestamp::now().as_millisecond()).unwrap_or_default();
    Ok(ObjectId::new(now, random))
}
