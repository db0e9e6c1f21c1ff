//! Handing the log on, entry by entry, to wherever it is kept too.

use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;

use super::{Error, Vault};
use crate::store::{AuditRow, ReadTx, StoreError};

/// How much of the log has been handed on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forwarded {
    /// So many entries.
    pub entries: u64,
    /// The checkpoints up to this size.
    pub checkpoints: u64,
}

/// The most entries, or checkpoints, that are read at once.
const MOST: u32 = 1000;

impl Vault {
    /// The lines after what has been handed on, and how much that is then; no lines if there is no more.
    pub async fn lines_after(&self, done: Forwarded) -> Result<(Vec<String>, Forwarded), Error> {
        Ok(self.store.read(move |tx| lines(tx, done)).await?)
    }
}

fn lines(tx: &mut dyn ReadTx, done: Forwarded) -> Result<(Vec<String>, Forwarded), StoreError> {
    // A database that was restored may be shorter than what it was.
    let size = tx.log_size()?;
    let mut done = Forwarded { entries: done.entries.min(size), checkpoints: done.checkpoints.min(size) };
    let entries = tx.entries(done.entries, MOST, None)?;
    done.entries = entries.last().map_or(done.entries, |last| last.index + 1);
    let mut lines: Vec<String> = entries.iter().map(entry).collect();
    // A checkpoint comes after everything that it is of.
    for (size, note) in tx.checkpoints(done.checkpoints + 1, done.entries, MOST)? {
        lines.push(json!({ "checkpoint": note, "size": size }).to_string());
        done.checkpoints = size;
    }
    Ok((lines, done))
}

fn entry(row: &AuditRow) -> String {
    let text = String::from_utf8_lossy(&row.entry);
    // What is no entry must not pass for a line of its own.
    match serde_json::from_str::<&RawValue>(&text) {
        Ok(raw) if !text.contains('\n') => format!(r#"{{"index":{},"entry":{}}}"#, row.index, raw.get()),
        _ => json!({ "index": row.index, "unreadable": text }).to_string(),
    }
}
