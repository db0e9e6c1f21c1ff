//! The names of requests.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::domain::RequestId;

/// Gives each request its id: counted from a random number, so that those of an earlier start are not met again.
pub(super) struct Requests(AtomicU64);

impl Requests {
    pub(super) fn new() -> Self {
        Self(AtomicU64::new(getrandom::u64().unwrap_or_default()))
    }

    pub(super) fn next(&self) -> RequestId {
        RequestId::new(self.0.fetch_add(1, Ordering::Relaxed))
    }
}
