//! Whether accesses can be recorded.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use super::{Error, Vault};

/// How long one answer holds: who asks often must not wear out the disk.
const PROBE: Duration = Duration::from_secs(1);

impl Vault {
    /// Writes as an access would, and waits until that is durable.
    pub async fn can_record(&self) -> Result<(), Error> {
        let last = *self.last_probe.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_some_and(|last| last.elapsed() < PROBE) {
            return Ok(());
        }
        self.store.write(|tx| tx.probe()).await?;
        *self.last_probe.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        Ok(())
    }
}
