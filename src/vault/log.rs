//! Reading the audit log.

use super::{Error, Vault};
use crate::audit::{EntryFilter, View};
use crate::authz::{Action, Principal, Resource};
use crate::store::{AuditRow, ReadTx, StoreError};

/// A page of the log.
pub struct LogPage {
    /// The entries, in the order of the log.
    pub entries: Vec<AuditRow>,
    /// The index to go on at.
    pub next: u64,
}

/// The most entries of one page.
const MOST: u32 = 1000;
/// The most entries that one page looks at: a filter that admits few must not hold a reader for long.
const LOOKED_AT: u64 = 20_000;

impl Vault {
    /// Entries from an index on; `most` of 0 means as many as there may be.
    pub async fn log(
        &self,
        principal: &Principal,
        first: u64,
        most: u32,
        filter: EntryFilter,
    ) -> Result<LogPage, Error> {
        self.permit(principal, Action::ListAudit, Resource::All).await?;
        let most = if most == 0 { MOST } else { most.min(MOST) };
        Ok(self.store.read(move |tx| page(tx, first, most, &filter)).await?)
    }
}

fn page(tx: &mut dyn ReadTx, first: u64, most: u32, filter: &EntryFilter) -> Result<LogPage, StoreError> {
    let size = tx.log_size()?;
    let wanted = usize::try_from(most).unwrap_or(usize::MAX);
    let mut first = match filter.since {
        Some(since) => first.max(tx.first_entry_since(since)?),
        None => first,
    };
    let (mut page, mut looked_at) = (LogPage { entries: Vec::new(), next: first.min(size) }, 0);
    while page.entries.len() < wanted && looked_at < LOOKED_AT {
        let rows = tx.entries(first, most, filter.object.as_ref())?;
        let Some(last) = rows.last().map(|row| row.index) else {
            page.next = size.max(page.next);
            break;
        };
        looked_at += u64::from(most);
        first = last + 1;
        for row in rows {
            if page.entries.len() == wanted {
                break;
            }
            page.next = row.index + 1;
            page.entries.extend(admitted(row, filter));
        }
    }
    Ok(page)
}

/// The entry, if the filter admits it. One that can't be read is for whoever asked for everything.
fn admitted(row: AuditRow, filter: &EntryFilter) -> Option<AuditRow> {
    let admits = filter.is_plain() || View::of(&row.entry).is_ok_and(|entry| filter.admits(&entry));
    admits.then_some(row)
}
