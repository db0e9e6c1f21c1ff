//! Reading the audit log.

use super::{Error, Vault};
use crate::authz::{Action, Principal, Resource};
use crate::domain::ObjectId;
use crate::store::AuditRow;

/// A page of the log.
pub struct LogPage {
    /// The entries, in the order of the log.
    pub entries: Vec<AuditRow>,
    /// The index to go on at.
    pub next: u64,
}

/// The most entries of one page.
const MOST: u32 = 1000;

impl Vault {
    /// Entries from an index on, only about one secret if named; `most` of 0 means as many as there may be.
    pub async fn log(
        &self,
        principal: &Principal,
        first: u64,
        most: u32,
        object: Option<ObjectId>,
    ) -> Result<LogPage, Error> {
        self.permit(principal, Action::ListAudit, Resource::All).await?;
        let most = if most == 0 { MOST } else { most.min(MOST) };
        let page = self.store.read(move |tx| {
            let size = tx.log_size()?;
            let entries = tx.entries(first, most, object.as_ref())?;
            let full = entries.len() == usize::try_from(most).unwrap_or(usize::MAX);
            let next = entries.last().filter(|_| full).map_or(size, |last| last.index + 1);
            Ok(LogPage { entries, next })
        });
        Ok(page.await?)
    }
}
