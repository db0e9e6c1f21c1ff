//! Devboxes: instances of one container each, which are found by their names, stop and start, and keep files meanwhile.

mod plan;

use super::bring_up::advance;
use super::{Instances, failed, state};
use crate::authz::{Action, Principal};
use crate::domain::devbox::{Devbox, DevboxName, DevboxSpec};
use crate::domain::instance::{ContainerPath, Variable};
use crate::domain::{Instance, InstanceId, Labels, Status};
use crate::engine::{EngineError, Frame, Job, Session};
use crate::vault::{Error, InstanceRefusal, Named};

pub use plan::Images;

/// Clones a repository in a container.
const CLONE: &str = include_str!("clone.sh");

/// How long what runs in a devbox has to end when it is stopped, in seconds.
const PATIENCE: u32 = 5;

/// The most that is kept of what git says, in bytes.
const MOST_WORDS: usize = 4000;

impl Instances {
    /// Accepts a devbox, or says why not; what becomes of it is told by [`Self::changes`].
    pub async fn create_devbox(&self, principal: &Principal, spec: DevboxSpec) -> Result<Instance, Error> {
        let Some(host) = &self.inner.host else {
            return Err(self.vault().refuse_instance(principal, &Labels::default()).await?);
        };
        let env = plan::variables(&spec)?;
        if let Some(home) = plan::home_of_variables(&env) {
            home.parse::<ContainerPath>().map_err(|fault| Error::Invalid(format!("env HOME: {fault}")))?;
        }
        let instance = plan::instance(&spec, &env, host, principal)?;
        self.vault().create_instance(principal, instance.clone(), super::plan::named(&env), false).await?;
        let (this, id) = (self.clone(), instance.id.clone());
        tokio::spawn(async move { this.bring_up_devbox(id, env).await });
        Ok(instance)
    }

    /// Those that may be described, oldest first.
    pub async fn list_devboxes(&self, principal: &Principal) -> Result<Vec<Instance>, Error> {
        self.vault().list_devboxes(principal).await
    }

    /// What is known of one.
    pub async fn describe_devbox(&self, principal: &Principal, name: &DevboxName) -> Result<Instance, Error> {
        self.vault().permit_devbox(principal, Action::DescribeInstance, name, None, |_| Vec::new()).await
    }

    /// Ends what runs in it; done when it has stopped.
    pub async fn stop_devbox(&self, principal: &Principal, name: &DevboxName) -> Result<Instance, Error> {
        let why = Some("stop".to_owned());
        let asked = self.vault().permit_devbox(principal, Action::UpdateInstance, name, why, |_| Vec::new()).await?;
        let instance =
            self.change(&asked.id, None, |instance, _| advance(instance, Status::Running, Status::Suspending)).await?;
        match instance.status {
            Status::Suspended => return Ok(instance),
            Status::Suspending => {}
            _ => return Err(state(&instance, "only one that runs can be stopped")),
        }
        let (this, id) = (self.clone(), instance.id);
        // Whoever asked may hang up: it is stopped all the same.
        let stopped = tokio::spawn(async move {
            let turn = this.turn(&id);
            let _mine = turn.lock().await;
            this.settle(&id, String::new()).await
        });
        stopped.await.unwrap_or_else(|_| Err(Error::Instance(InstanceRefusal::Engine("it was cut short".to_owned()))))
    }

    /// Accepts the start of one that is stopped, by a caller who may inject its secrets: they are drawn anew.
    pub async fn start_devbox(&self, principal: &Principal, name: &DevboxName) -> Result<Instance, Error> {
        let why = Some("start".to_owned());
        let asked = self.vault().permit_devbox(principal, Action::UpdateInstance, name, why, secrets).await?;
        let instance = self
            .change(&asked.id, None, |instance, _| {
                if instance.status == Status::Suspended {
                    instance.status = Status::Resuming;
                    instance.reason.clear();
                }
            })
            .await?;
        match instance.status {
            Status::Resuming => {
                let (this, id) = (self.clone(), instance.id.clone());
                tokio::spawn(async move { this.resume(id).await });
                Ok(instance)
            }
            Status::Running | Status::Pending | Status::Creating => Ok(instance),
            _ => Err(state(&instance, "only one that is stopped can be started")),
        }
    }

    /// Whether the caller, who has described a devbox, could be given its secrets now, as a start would. It is no attempt at
    /// one, and leaves no entry.
    pub async fn could_start(&self, principal: &Principal, instance: &Instance) -> Result<bool, Error> {
        self.vault().could_inject(principal, secrets(instance)).await
    }

    /// Removes one with its files; done when they are gone.
    pub async fn expire_devbox(&self, principal: &Principal, name: &DevboxName) -> Result<(), Error> {
        let asked = self.vault().permit_devbox(principal, Action::DestroyInstance, name, None, |_| Vec::new()).await?;
        let this = self.clone();
        let ended = tokio::spawn(async move { this.end(&asked.id, None, "expired".to_owned()).await });
        ended.await.unwrap_or_else(|_| Err(Error::Instance(InstanceRefusal::Engine("it was cut short".to_owned()))))
    }

    async fn bring_up_devbox(&self, id: InstanceId, env: Vec<Variable>) {
        let turn = self.turn(&id);
        let _mine = turn.lock().await;
        if let Err(error) = self.try_to_make(&id, &env).await {
            self.fail(&id, error.to_string()).await;
        }
    }

    async fn try_to_make(&self, id: &InstanceId, env: &[Variable]) -> Result<(), Error> {
        let instance =
            self.change(id, None, |instance, _| advance(instance, Status::Pending, Status::Creating)).await?;
        let Some(devbox) = instance.devbox.clone().filter(|_| instance.status == Status::Creating) else {
            return Ok(());
        };
        self.have_image(id, devbox.image.to_string()).await?;
        let home = match plan::home_of_variables(env) {
            Some(home) => home.to_owned(),
            None => self.home_of(devbox.image.as_str()).await?,
        };
        let references = devbox.secrets.iter().map(|(_, reference)| reference.clone()).collect();
        let container = self.make_one(id, plan::container(&instance, &devbox, env, &home), references).await?;
        self.start(std::slice::from_ref(&container)).await?;
        self.clone_into(id, container, &devbox, Status::Creating).await?;
        self.change(id, None, |instance, _| advance(instance, Status::Creating, Status::Running)).await?;
        self.inner.wake.notify_one();
        Ok(())
    }

    async fn home_of(&self, image: &str) -> Result<String, Error> {
        let engine = &self.host()?.engine;
        let printed = engine.run(&Job::ImageConfig(image.to_owned())).await.map_err(failed)?;
        let config: Option<plan::ImageConfig> = serde_json::from_str(&printed)
            .map_err(|error| failed(EngineError::Answer { engine: engine.kind().as_str(), error }))?;
        let home = config.unwrap_or_default().home();
        // Whoever made the image may have made it for what else a mount could be told.
        let parsed = home.parse::<ContainerPath>();
        let refused = |fault| InstanceRefusal::Engine(format!("the home directory that image {image} names: {fault}"));
        parsed.map_err(|fault| Error::Instance(refused(fault)))?;
        Ok(home)
    }

    /// Clones the repository, if there is one. Until that is done nothing else runs in the container; it is given up when
    /// something else becomes of the devbox.
    async fn clone_into(
        &self,
        id: &InstanceId,
        container: String,
        devbox: &Devbox,
        during: Status,
    ) -> Result<(), Error> {
        let Some(repository) = &devbox.repository else { return Ok(()) };
        let reference = repository.reference.as_ref().map(ToString::to_string).unwrap_or_default();
        let origin = repository.url.http_origin().unwrap_or_default();
        let command = ["/bin/sh", "-c", CLONE, "sh", repository.url.as_str(), &reference, &devbox.directory(), &origin];
        let job = Job::Exec {
            id: container,
            command: command.map(str::to_owned).into(),
            env: Vec::new(),
            cwd: String::new(),
            stdin: false,
            terminal: None,
            detach: false,
        };
        let mut changes = self.changes();
        let session = self.host()?.engine.start(&job).await.map_err(failed)?;
        let mut done = std::pin::pin!(finish(session));
        let (code, words) = loop {
            tokio::select! {
                done = &mut done => break done.map_err(failed)?,
                _ = changes.changed() => {
                    let instance = self.look(id).await?;
                    if instance.status != during {
                        return Err(state(&instance, "its repository is not cloned any more"));
                    }
                }
            }
        };
        if code == 0 {
            return Ok(());
        }
        let url = &repository.url;
        let message = format!("the repository {url} can't be cloned ({code}): {}", words.trim());
        Err(Error::Instance(InstanceRefusal::Engine(message)))
    }

    async fn resume(&self, id: InstanceId) {
        let turn = self.turn(&id);
        let _mine = turn.lock().await;
        if let Err(error) = self.try_to_resume(&id).await {
            tracing::warn!(instance = id.as_str(), error = error.to_string(), "a devbox can't be started");
            if let Err(error) = self.settle(&id, error.to_string()).await {
                tracing::warn!(instance = id.as_str(), error = error.to_string(), "a devbox can't be stopped");
            }
        }
    }

    async fn try_to_resume(&self, id: &InstanceId) -> Result<(), Error> {
        let instance = self.look(id).await?;
        let Some(devbox) = instance.devbox.clone().filter(|_| instance.status == Status::Resuming) else {
            return Ok(());
        };
        let ids = instance.container_ids();
        self.start(&ids).await?;
        // What a person has done with the folder of one that keeps it, is theirs to have done.
        if let Some(container) = ids.into_iter().next().filter(|_| devbox.ephemeral) {
            self.clone_into(id, container, &devbox, Status::Resuming).await?;
        }
        self.change(id, None, |instance, _| advance(instance, Status::Resuming, Status::Running)).await?;
        self.inner.wake.notify_one();
        Ok(())
    }

    /// Stops a devbox's container, which may have ended already, and says why. Whoever calls it has the turn.
    pub(super) async fn settle(&self, id: &InstanceId, reason: String) -> Result<Instance, Error> {
        let ids = self.look(id).await?.container_ids();
        if !ids.is_empty() {
            let host = self.host()?;
            let stopped = host.engine.run(&Job::Stop { ids: ids.clone(), seconds: PATIENCE }).await;
            let found = host.engine.inspect(ids).await.map_err(failed)?;
            // What had ended already, some engines won't stop: all is well then.
            if found.iter().any(|found| found.condition == crate::engine::Condition::Running) {
                stopped.map_err(failed)?;
            }
        }
        self.change(id, None, move |instance, _| {
            if matches!(instance.status, Status::Running | Status::Suspending | Status::Resuming) {
                instance.status = Status::Suspended;
                instance.reason = reason;
            }
        })
        .await
    }

    /// What a devbox has kept.
    pub(super) async fn remove_devbox_volumes(&self, id: &InstanceId) -> Result<(), Error> {
        let instance = self.look(id).await?;
        let (Some(devbox), Ok(host)) = (&instance.devbox, self.host()) else { return Ok(()) };
        if devbox.ephemeral {
            return Ok(());
        }
        for name in plan::volumes(id) {
            match host.engine.run(&Job::RemoveVolumes(vec![name])).await {
                // It was never made, or is gone already.
                Err(EngineError::Failed { words, .. }) if words.to_lowercase().contains("no such volume") => {}
                removed => drop(removed.map_err(failed)?),
            }
        }
        Ok(())
    }
}

/// The secrets that a devbox draws whenever it starts.
fn secrets(instance: &Instance) -> Vec<Named> {
    let secrets = instance.devbox.iter().flat_map(|devbox| &devbox.secrets);
    let named = secrets.map(|(name, reference)| Named {
        place: plan::place(name),
        variable: name.as_str().to_owned(),
        reference: reference.clone(),
    });
    named.collect()
}

/// A command's exit code, and what it said last.
async fn finish(mut session: Session) -> Result<(i32, String), EngineError> {
    let mut said = Vec::new();
    loop {
        match session.next().await? {
            Frame::Stdout(data) | Frame::Stderr(data) => said.extend(data),
            Frame::Exit(code) => return Ok((code, String::from_utf8_lossy(&said).into_owned())),
            Frame::Stdin(_) | Frame::Resize(_) | Frame::Refused(_) => {}
        }
        if let Some(more @ 1..) = said.len().checked_sub(MOST_WORDS) {
            said.drain(..more);
        }
    }
}
