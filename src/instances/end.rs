//! The end of instances.

use super::{Host, Instances};
use crate::authz::{Action, Principal};
use crate::domain::{InstanceId, Status};
use crate::engine::{Engine, Job};
use crate::vault::{Error, InstanceRefusal};

/// How long a container is asked to stop, in seconds.
const PATIENCE: u32 = 5;

impl Instances {
    /// Ends an instance and removes its containers; done when they are gone.
    pub async fn destroy(&self, principal: &Principal, id: &InstanceId, reason: String) -> Result<(), Error> {
        let told = Some(reason.clone()).filter(|reason| !reason.is_empty());
        self.vault().permit_instance(principal, Action::DestroyInstance, id, told, Vec::new()).await?;
        let (this, id) = (self.clone(), id.clone());
        // Whoever asked may hang up: it is ended all the same.
        let ended = tokio::spawn(async move { this.end(&id, None, reason).await });
        ended.await.unwrap_or_else(|_| Err(Error::Instance(InstanceRefusal::Engine("it was cut short".to_owned()))))
    }

    /// The same, by the daemon itself if an action is given.
    pub(super) async fn end(&self, id: &InstanceId, action: Option<Action>, reason: String) -> Result<(), Error> {
        self.change(id, action, move |instance, _| {
            if !instance.status.is_over() {
                instance.status = Status::Destroying;
            }
            // Why it was stopped, is not why it ends.
            if !reason.is_empty() && (instance.reason.is_empty() || instance.devbox.is_some()) {
                instance.reason = reason;
            }
        })
        .await?;
        let turn = self.turn(id);
        let _mine = turn.lock().await;
        self.remove_all(id).await?;
        self.remove_devbox_volumes(id).await?;
        self.remove_state(id);
        self.change(id, None, |instance, now| {
            instance.status = Status::Destroyed;
            instance.destroyed_at.get_or_insert(now);
        })
        .await?;
        Ok(())
    }

    /// Every container that carries the instance's label, whether the store knows it or not.
    pub(super) async fn remove_all(&self, id: &InstanceId) -> Result<(), Error> {
        let Ok(host) = self.host() else { return Ok(()) };
        let list = || async { host.engine.ids(Some(id.as_str())).await.map_err(super::failed) };
        let found = list().await?;
        if found.is_empty() {
            return Ok(());
        }
        self.remove_containers(&host.engine, found).await;
        match list().await?.first() {
            Some(left) => Err(Error::Instance(InstanceRefusal::Engine(format!("container {left} can't be removed")))),
            None => Ok(()),
        }
    }

    pub(super) async fn remove_containers(&self, engine: &Engine, ids: Vec<String>) {
        if ids.is_empty() {
            return;
        }
        if let Err(error) = engine.run(&Job::Remove(ids.clone())).await {
            tracing::warn!(error = error.to_string(), "containers can't be removed");
        }
        for id in &ids {
            self.vault().release(id);
        }
    }

    /// The file of a token that counts no more.
    pub(super) fn remove_state(&self, id: &InstanceId) {
        if let Ok(Host { state: Ok(state), .. }) = self.host() {
            state.remove(id);
        }
    }

    /// An instance that can't do what it is for: its containers are stopped, and kept for their logs.
    pub(super) async fn fail(&self, id: &InstanceId, reason: String) {
        // Below the first line may stand what a container printed.
        tracing::warn!(instance = id.as_str(), reason = reason.lines().next(), "an instance failed");
        let changed = self
            .change(id, None, move |instance, _| {
                if !matches!(instance.status, Status::Destroying | Status::Destroyed) {
                    instance.status = Status::Error;
                    instance.reason = reason;
                }
            })
            .await;
        let (Ok(instance), Ok(host)) = (changed, self.host()) else { return };
        let ids = instance.container_ids();
        if instance.status == Status::Error && !ids.is_empty() {
            // What has ended already makes it fail, and is left as it is.
            let _ = host.engine.run(&Job::Stop { ids, seconds: PATIENCE }).await;
        }
        if instance.status == Status::Error {
            self.remove_state(id);
        }
    }
}
