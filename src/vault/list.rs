//! Which secrets there are.

use super::{Error, Vault, entry};
use crate::audit::Outcome;
use crate::authz::{Action, Principal, Resource};
use crate::domain::{LabelFilter, Object};
use crate::store::StoreError;

impl Vault {
    /// The secrets that are not deleted, match and may be described, oldest first.
    pub async fn list(&self, principal: &Principal, filter: LabelFilter) -> Result<Vec<Object>, Error> {
        let grant = self.permit(principal, Action::List, Resource::Some).await?;
        let asked = principal.clone();
        let selected = self
            .store
            .read(move |tx| {
                let mut objects = tx.objects()?;
                objects.retain(|object| {
                    let resource = Resource::Object(&object.id, Some(&object.labels));
                    filter.selects(&object.labels) && asked.may(Action::Describe, resource).is_ok()
                });
                Ok(objects)
            })
            .await;
        if let Err(StoreError::Malformed { object, .. }) = &selected {
            let object = object.parse().ok();
            self.record(entry(principal.caller(), Action::List, object.as_ref(), None, Outcome::Tampered)).await?;
        }
        let selected = selected?;
        let mut listed = entry(grant.caller(), grant.action(), None, None, Outcome::Ok);
        listed.attributes.count = Some(selected.len());
        self.record(listed).await?;
        Ok(selected)
    }
}
