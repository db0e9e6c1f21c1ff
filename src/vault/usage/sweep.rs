//! Ends what has ended.

use super::super::{Error, Vault};
use super::processes::Seen;
use super::{entries, entries_of_end};
use crate::audit::{Entry, Event, Outcome};
use crate::domain::{Caller, Identity, Injection, RequestId, Timestamp};

/// How many are looked at together.
const AT_ONCE: u32 = 200;

impl Vault {
    /// Removes from the inventory the containers that have gone, and records that; tells of the others, with whether each is
    /// seen to run.
    pub(in crate::vault) async fn each_living(&self, mut tell: impl FnMut(Injection, bool)) -> Result<(), Error> {
        let daemon = Caller { identity: Identity::Daemon, request: RequestId::new(0) };
        let (now, mut last) = (Timestamp::now(), None);
        loop {
            let page = self.store.read(move |tx| tx.injections_after(last, AT_ONCE)).await?;
            let Some(end) = page.last() else { return Ok(()) };
            last = Some(end.id);
            let mut ended = Vec::new();
            for injection in page {
                match self.processes.look_for(&injection, now) {
                    Seen::Running => tell(injection, true),
                    Seen::Unknown => tell(injection, false),
                    Seen::Gone => {
                        let told = entries_of_end(&daemon, &injection);
                        ended.push((injection, told));
                    }
                    Seen::NeverReported => {
                        let told = entries(&daemon, Event::Injected, &injection, Outcome::Unknown);
                        ended.push((injection, told));
                    }
                }
            }
            if !ended.is_empty() {
                self.remove_ended(ended).await?;
            }
        }
    }

    /// Removes these, and records what is told of each.
    async fn remove_ended(&self, ended: Vec<(Injection, Vec<Entry>)>) -> Result<(), Error> {
        self.store
            .write(move |tx| {
                for (injection, told) in ended {
                    // Another one may have been quicker, or what was missing has been reported.
                    if tx.injection(injection.id)?.as_ref() != Some(&injection) {
                        continue;
                    }
                    tx.remove_injection(injection.id)?;
                    told.iter().try_for_each(|entry| tx.append(entry))?;
                }
                Ok(())
            })
            .await?;
        Ok(())
    }

    /// Removes from the inventory the containers that have gone, and records that.
    pub async fn sweep_inventory(&self) -> Result<(), Error> {
        self.each_living(|_, _| {}).await
    }
}
