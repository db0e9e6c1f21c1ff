//! Checkpoints of the audit log while it grows.

use std::time::Duration;

use tokio::task::JoinHandle;

use crate::vault::Vault;

/// The least time between two of them.
const PERIOD: Duration = Duration::from_secs(1);

/// The task that signs them.
pub(super) struct Keeper(JoinHandle<()>);

impl Keeper {
    pub(super) fn start(vault: &Vault) -> Self {
        Self(tokio::spawn(sign(vault.clone())))
    }

    /// Ends it, so that it holds the vault no longer.
    pub(super) async fn stop(self) {
        self.0.abort();
        // It ends by being aborted, which is no news.
        let _ = self.0.await;
    }
}

/// Sleeps as long as nothing happens, then signs at once: what was recorded last is never uncovered for long.
async fn sign(vault: Vault) {
    let mut growth = vault.log_growth();
    growth.mark_changed();
    while growth.changed().await.is_ok() {
        if let Err(error) = vault.checkpoint().await {
            tracing::warn!(error = error.to_string(), "a checkpoint of the audit log can't be written");
        }
        tokio::time::sleep(PERIOD).await;
    }
}
