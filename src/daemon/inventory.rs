//! The inventory of what containers hold, while nobody asks for it.

use std::time::Duration;

use tokio::task::JoinHandle;

use crate::vault::Vault;

/// How often it is looked for containers that have ended and were not reported; whoever asks is told the truth anyway.
const PERIOD: Duration = Duration::from_mins(1);

/// The task that looks.
pub(super) struct Keeper(JoinHandle<()>);

impl Keeper {
    pub(super) fn start(vault: &Vault) -> Self {
        Self(tokio::spawn(keep(vault.clone())))
    }

    /// Ends it, so that it holds the vault no longer.
    pub(super) async fn stop(self) {
        self.0.abort();
        // It ends by being aborted, which is no news.
        let _ = self.0.await;
    }
}

async fn keep(vault: Vault) {
    let mut moments = tokio::time::interval(PERIOD);
    loop {
        moments.tick().await;
        if let Err(error) = vault.sweep_inventory().await {
            tracing::warn!(error = error.to_string(), "the inventory of containers can't be brought up to date");
        }
    }
}
