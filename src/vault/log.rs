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

impl Vault {
    /// Entries before an index, newest first; so many at most. `next` is the index to go on before, 0 at the log's start.
    pub async fn log_before(
        &self,
        principal: &Principal,
        before: u64,
        most: u32,
        filter: EntryFilter,
    ) -> Result<LogPage, Error> {
        self.permit(principal, Action::ListAudit, Resource::All).await?;
        Ok(self.store.read(move |tx| page_before(tx, before, most.min(MOST), &filter)).await?)
    }
}

fn page_before(tx: &mut dyn ReadTx, before: u64, most: u32, filter: &EntryFilter) -> Result<LogPage, StoreError> {
    let wanted = usize::try_from(most).unwrap_or(usize::MAX);
    let mut before = before.min(tx.log_size()?);
    if let Some(until) = filter.until {
        before = before.min(tx.first_entry_since(until)?);
    }
    let first = filter.since.map(|since| tx.first_entry_since(since)).transpose()?.unwrap_or(0);
    let (mut page, mut looked_at) = (LogPage { entries: Vec::new(), next: before }, 0);
    let at_once = if filter.is_plain() { most.max(1) } else { MOST };
    while page.entries.len() < wanted && looked_at < LOOKED_AT {
        let rows = tx.entries_before(page.next, at_once, filter.object.as_ref())?;
        let is_last = rows.len() < usize::try_from(at_once).unwrap_or(usize::MAX);
        looked_at += u64::from(at_once);
        for row in rows {
            if page.entries.len() == wanted {
                return Ok(page);
            }
            if row.index < first {
                page.next = 0;
                return Ok(page);
            }
            page.next = row.index;
            page.entries.extend(admitted(row, filter));
        }
        if is_last {
            page.next = 0;
            break;
        }
    }
    Ok(page)
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
