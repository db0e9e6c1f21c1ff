//! Which secrets there are.

use super::{Error, Vault, entry};
use crate::audit::Outcome;
use crate::authz::Action;
use crate::domain::{Caller, LabelFilter, Object};
use crate::store::StoreError;

impl Vault {
    /// The secrets that are not deleted and match, oldest first.
    pub async fn list(&self, caller: &Caller, filter: LabelFilter) -> Result<Vec<Object>, Error> {
        let grant = self.permit(caller, Action::List, None).await?;
        let selected = self
            .store
            .read(move |tx| {
                let mut objects = tx.objects()?;
                objects.retain(|object| filter.selects(&object.labels));
                Ok(objects)
            })
            .await;
        if let Err(StoreError::Malformed { object, .. }) = &selected {
            let object = object.parse().ok();
            self.record(entry(caller, Action::List, object.as_ref(), None, Outcome::Tampered)).await?;
        }
        let selected = selected?;
        let mut listed = entry(grant.caller(), grant.action(), None, None, Outcome::Ok);
        listed.attributes.count = Some(selected.len());
        self.record(listed).await?;
        Ok(selected)
    }
}
