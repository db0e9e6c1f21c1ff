//! The proof that an access stands in the log.

use crate::domain::{ObjectId, Version};

/// Proof that the audit entries of a transaction are durable. Only the store makes it, after the commit.
///
/// It names the secrets and versions that those entries account for; a value of another one is not opened with it.
pub struct Recorded {
    opens: Vec<(ObjectId, Version)>,
}

impl Recorded {
    pub(in crate::store) fn new(opens: Vec<(ObjectId, Version)>) -> Self {
        Self { opens }
    }

    /// Whether the log accounts for opening this version.
    pub fn covers(&self, object: &ObjectId, version: Version) -> bool {
        self.opens.iter().any(|(o, v)| o == object && *v == version)
    }
}
