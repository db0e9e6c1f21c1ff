//! What happens to instances while nobody asks.

use std::collections::HashMap;
use std::time::Duration;

use super::{Host, Instances};
use crate::authz::Action;
use crate::domain::{Instance, InstanceId, Status, Timestamp};
use crate::engine::{Condition, Found};
use crate::vault::Error;

/// How often the engine is asked, if there is anything to ask about.
const PAUSE: Duration = Duration::from_secs(1);

impl Instances {
    /// Finds what was left by an earlier daemon, then looks after everything until it is dropped.
    pub async fn supervise(&self) {
        let Ok(host) = self.host() else { return };
        if let Err(error) = self.find_again().await {
            tracing::warn!(error = error.to_string(), "the instances of an earlier daemon can't be looked after");
        }
        loop {
            if let Err(error) = self.look_after(host).await {
                tracing::warn!(error = error.to_string(), "instances can't be looked after");
            }
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                () = self.inner.wake.notified() => {}
            }
        }
    }

    /// After a start: what was under way is not any more.
    async fn find_again(&self) -> Result<(), Error> {
        let living = self.vault().living_instances().await?;
        if let Ok(Host { state: Ok(state), .. }) = self.host() {
            let ids: Vec<InstanceId> = living.iter().map(|instance| instance.id.clone()).collect();
            state.sweep(&ids);
        }
        for instance in living {
            for member in &instance.members {
                if let Some(id) = &member.id {
                    self.vault().confine(id, member.references.clone());
                }
            }
            match instance.status {
                Status::Pending | Status::Creating => {
                    self.remove_all(&instance.id).await?;
                    self.fail(&instance.id, "the daemon stopped while it was being made".to_owned()).await;
                }
                Status::Destroying => self.end(&instance.id, None, String::new()).await?,
                Status::Error => self.remove_state(&instance.id),
                Status::Running | Status::Suspended | Status::Destroyed => {}
            }
        }
        Ok(())
    }

    async fn look_after(&self, host: &Host) -> Result<(), Error> {
        let now = Timestamp::now();
        let living = self.vault().living_instances().await?;
        for instance in living.iter().filter(|instance| instance.deadline.is_some_and(|deadline| deadline <= now)) {
            self.end(&instance.id, Some(Action::DestroyInstance), "its deadline has passed".to_owned()).await?;
        }
        let found = host.engine.containers().await.map_err(super::failed)?;
        let known: HashMap<&str, &Found> = found.iter().map(|found| (found.id.as_str(), found)).collect();
        for instance in living.iter().filter(|instance| instance.status == Status::Running) {
            self.look_at(instance, &known).await?;
        }
        self.sweep(host, &found, now).await
    }

    /// Whether one that runs still does.
    async fn look_at(&self, instance: &Instance, known: &HashMap<&str, &Found>) -> Result<(), Error> {
        let turn = self.turn(&instance.id);
        // Somebody is working on it: what was found may be older than that.
        let Ok(_mine) = turn.try_lock() else { return Ok(()) };
        let current = self.look(&instance.id).await?;
        if current != *instance {
            return Ok(());
        }
        for member in &instance.members {
            let Some(id) = &member.id else { continue };
            let condition = known.get(id.as_str()).map(|found| found.condition);
            let ended = match condition {
                Some(Condition::Running) => continue,
                Some(Condition::Exited(code)) => format!("container {} has ended with exit code {code}", member.name),
                Some(Condition::Created) => format!("container {} was stopped", member.name),
                None => format!("container {} is gone", member.name),
            };
            if member.is_service || condition.is_none() {
                let ended = if condition.is_some() { self.with_last_words(ended, id).await } else { ended };
                self.fail(&instance.id, ended).await;
            } else {
                self.finish(&instance.id, ended).await?;
            }
            return Ok(());
        }
        Ok(())
    }

    /// The end of an instance whose job is done. Its containers are kept for a while, for their logs.
    async fn finish(&self, id: &InstanceId, reason: String) -> Result<(), Error> {
        let changed = self
            .change(id, Some(Action::DestroyInstance), move |instance, now| {
                instance.status = Status::Destroyed;
                instance.destroyed_at = Some(now);
                instance.reason = reason;
            })
            .await?;
        let host = self.host()?;
        // The others of the instance end with it.
        let job = crate::engine::Job::Stop { ids: changed.container_ids(), seconds: 5 };
        let _ = host.engine.run(&job).await;
        self.remove_state(id);
        Ok(())
    }

    /// Removes containers of instances that are over, or that nobody knows.
    async fn sweep(&self, host: &Host, found: &[Found], now: Timestamp) -> Result<(), Error> {
        let mut over = Vec::new();
        for container in found {
            let Ok(id) = container.instance.parse::<InstanceId>() else { continue };
            let instance = self.vault().instance(id.clone()).await?;
            let kept = instance.as_ref().is_some_and(|instance| match instance.destroyed_at {
                Some(at) => now.duration_since(at).unsigned_abs() < host.keep_ended,
                None => true,
            });
            if !kept {
                tracing::info!(
                    container = container.id,
                    instance = container.instance,
                    "removing a container that is over"
                );
                over.push(container.id.clone());
            }
        }
        self.remove_containers(&host.engine, over).await;
        Ok(())
    }
}
