//! What was done last to a secret or token, as the log says.

use super::View;
use crate::domain::Version;

/// What was done last to a secret or token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// The entry that says so.
    pub index: u64,
    /// The version that was current afterwards, of a secret.
    pub version: Option<Version>,
    /// Whether it was deleted or revoked.
    pub ended: bool,
}

impl View<'_> {
    /// The secret or token that this entry says was changed, and how.
    pub fn change(&self, index: u64) -> Option<(&str, Change)> {
        let ended = self.mutation()? == "delete";
        Some((self.object()?, Change { index, version: self.version(), ended }))
    }
}
