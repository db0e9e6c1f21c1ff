//! What happens to instances while nobody asks.

use std::collections::HashMap;
use std::time::Duration;

use jiff::SignedDuration;

use super::{Host, Instances};
use crate::authz::Action;
use crate::domain::{Instance, InstanceId, Status, Timestamp};
use crate::engine::{Condition, Found};
use crate::vault::Error;

/// How soon the engine is asked again while something happens, and how late at most while nothing does: it takes a fifth of
/// a second of a processor to answer.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(5));

impl Instances {
    /// What containers of an earlier daemon may be given, to be known before anybody can ask for it; and the instances that it
    /// was at work on.
    pub async fn remember(&self) -> Result<Vec<InstanceId>, Error> {
        let living = self.vault().living_instances().await?;
        for member in living.iter().flat_map(|instance| &instance.members) {
            if let Some(id) = &member.id {
                self.vault().confine(id, member.references.clone());
            }
        }
        if let Ok(Host { state: Ok(state), .. }) = self.host() {
            let used = living.iter().filter(|instance| instance.status != Status::Error);
            state.sweep(&used.map(|instance| instance.id.clone()).collect::<Vec<_>>());
        }
        let unfinished = living.into_iter().filter(|instance| {
            !matches!(instance.status, Status::Running | Status::Suspended | Status::Error | Status::Destroyed)
        });
        Ok(unfinished.map(|instance| instance.id).collect())
    }

    /// Finishes what an earlier daemon was at, then looks after everything until it is dropped.
    pub async fn supervise(&self, mut unfinished: Vec<InstanceId>) {
        let Ok(host) = self.host() else { return };
        let (mut changes, mut pause) = (self.changes(), PAUSES.0);
        loop {
            unfinished = self.finish_up(unfinished).await;
            let deadline = self.look_after(host).await.unwrap_or_else(|error| {
                tracing::warn!(error = error.to_string(), "instances can't be looked after");
                None
            });
            pause = if changes.has_changed().unwrap_or(false) { PAUSES.0 } else { (pause * 2).min(PAUSES.1) };
            changes.mark_unchanged();
            let deadline =
                deadline.map(|at| at.duration_since(Timestamp::now()).max(SignedDuration::ZERO).unsigned_abs());
            tokio::select! {
                () = tokio::time::sleep(deadline.map_or(pause, |deadline| deadline.min(pause))) => {}
                () = self.inner.wake.notified() => {}
            }
        }
    }

    /// What was under way when an earlier daemon stopped is not any more; what can't be settled yet.
    async fn finish_up(&self, unfinished: Vec<InstanceId>) -> Vec<InstanceId> {
        let mut left = Vec::new();
        for id in unfinished {
            if let Err(error) = self.conclude(&id).await {
                tracing::warn!(instance = id.as_str(), error = error.to_string(), "an instance can't be settled yet");
                left.push(id);
            }
        }
        left
    }

    async fn conclude(&self, id: &InstanceId) -> Result<(), Error> {
        match self.look(id).await?.status {
            Status::Pending | Status::Creating => {
                self.remove_all(id).await?;
                self.fail(id, "the daemon stopped while it was being made".to_owned()).await;
                Ok(())
            }
            Status::Suspending => self.settle(id, String::new()).await.map(drop),
            Status::Resuming => {
                self.settle(id, "the daemon stopped while it was being started".to_owned()).await.map(drop)
            }
            Status::Destroying => self.end(id, None, String::new()).await,
            Status::Running | Status::Suspended | Status::Error | Status::Destroyed => Ok(()),
        }
    }

    /// When the next deadline is.
    async fn look_after(&self, host: &Host) -> Result<Option<Timestamp>, Error> {
        let now = Timestamp::now();
        let living = self.vault().living_instances().await?;
        let over = living.iter().filter_map(|instance| {
            let is_late = instance.deadline.is_some_and(|deadline| deadline <= now);
            match instance.status {
                // Somebody is at it, or could not: then it is tried again.
                Status::Destroying if self.turn(&instance.id).try_lock().is_err() => None,
                Status::Destroying => Some((instance, None, String::new())),
                _ if is_late => Some((instance, Some(Action::DestroyInstance), "its deadline has passed".to_owned())),
                _ => None,
            }
        });
        for (instance, action, reason) in over {
            let (this, id) = (self.clone(), instance.id.clone());
            // One that takes its time, or hangs, must not keep the others waiting.
            tokio::spawn(async move {
                if let Err(error) = this.end(&id, action, reason).await {
                    tracing::warn!(instance = id.as_str(), error = error.to_string(), "an instance can't be ended");
                }
            });
        }
        let found = host.engine.containers(None).await.map_err(super::failed)?;
        let known: HashMap<&str, &Found> = found.iter().map(|found| (found.id.as_str(), found)).collect();
        let settled = [Status::Running, Status::Suspended];
        for instance in living.iter().filter(|instance| settled.contains(&instance.status)) {
            self.look_at(instance, &known).await?;
        }
        self.sweep(host, &found, now).await?;
        Ok(living.iter().filter_map(|instance| instance.deadline).filter(|deadline| *deadline > now).min())
    }

    /// Whether one that runs still does, and one that is stopped still doesn't.
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
            if instance.status == Status::Suspended {
                // The start of an earlier daemon, which was seen through after it was given up.
                if condition == Some(Condition::Running) {
                    self.settle(&instance.id, instance.reason.clone()).await?;
                }
                continue;
            }
            let ended = match condition {
                Some(Condition::Running) => continue,
                Some(Condition::Exited(code)) => format!("container {} has ended with exit code {code}", member.name),
                Some(Condition::Created) => format!("container {} was stopped", member.name),
                None => format!("container {} is gone", member.name),
            };
            if instance.devbox.is_some() && condition.is_some() {
                // Its files are there: it can be started again.
                let ended = self.with_last_words(ended, id).await;
                self.settle(&instance.id, ended).await?;
            } else if member.is_service || condition.is_none() {
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
