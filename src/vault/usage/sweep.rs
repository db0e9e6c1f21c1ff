//! Ends what has ended.

use super::super::{Error, Vault};
use super::entries;
use super::processes::Seen;
use crate::audit::{Event, Outcome};
use crate::domain::{Caller, Identity, Injection, RequestId, Timestamp};

impl Vault {
    /// Removes from the inventory the containers that have gone, and records that; what is left, with whether it is seen
    /// to run.
    pub(in crate::vault) async fn living(&self) -> Result<Vec<(Injection, bool)>, Error> {
        let (mut living, mut ended) = (Vec::new(), Vec::new());
        let now = Timestamp::now();
        for injection in self.store.read(|tx| tx.injections()).await? {
            match self.processes.look_for(&injection, now) {
                Seen::Running => living.push((injection, true)),
                Seen::Unknown => living.push((injection, false)),
                Seen::Gone => ended.push((injection, Event::Released, Outcome::Ok)),
                Seen::NeverReported => ended.push((injection, Event::Injected, Outcome::Unknown)),
            }
        }
        if ended.is_empty() {
            return Ok(living);
        }
        let daemon = Caller { identity: Identity::Daemon, request: RequestId::new(0) };
        self.store
            .write(move |tx| {
                for (injection, event, outcome) in ended {
                    // Another one may have been quicker, or what was missing has been reported.
                    if tx.injection(injection.id)?.as_ref() != Some(&injection) {
                        continue;
                    }
                    tx.remove_injection(injection.id)?;
                    entries(&daemon, event, &injection, outcome).iter().try_for_each(|entry| tx.append(entry))?;
                }
                Ok(())
            })
            .await?;
        Ok(living)
    }

    /// Removes from the inventory the containers that have gone, and records that.
    pub async fn sweep_inventory(&self) -> Result<(), Error> {
        self.living().await.map(drop)
    }
}
