//! From a request to containers that run.

use super::{Instances, failed, plan, running};
use crate::authz::BearerToken;
use crate::domain::instance::{ContainerSpec, InstanceRequest, Shape};
use crate::domain::{Instance, InstanceId, Reference, Status};
use crate::engine::{EngineError, Job, NewContainer};
use crate::vault::{Error, InstanceRefusal};

/// How many of a container's last lines are told when it fails.
const LAST_LINES: u32 = 20;
/// And how many bytes of these.
const LAST_BYTES: usize = 8 << 10;

impl Instances {
    /// Makes and starts everything; whatever goes wrong is what the instance then says of itself.
    pub(super) async fn bring_up(&self, id: InstanceId, request: InstanceRequest, token: Option<BearerToken>) {
        let turn = self.turn(&id);
        let _mine = turn.lock().await;
        if let Err(error) = self.try_to_bring_up(&id, &request, token).await {
            self.fail(&id, error.to_string()).await;
        }
    }

    async fn try_to_bring_up(
        &self,
        id: &InstanceId,
        request: &InstanceRequest,
        token: Option<BearerToken>,
    ) -> Result<(), Error> {
        let instance =
            self.change(id, None, |instance, _| advance(instance, Status::Pending, Status::Creating)).await?;
        if instance.status != Status::Creating {
            return Ok(());
        }
        if let (Some(token), Ok(state)) = (token, &self.host()?.state) {
            let failed = |error| InstanceRefusal::Engine(format!("its token can't be written: {error}"));
            state.write(id, token).map_err(|error| Error::Instance(failed(error)))?;
        }
        let ids = self.make(id, request, &request.containers).await?;
        self.start(&ids).await?;
        self.publish(id, &ids).await?;
        self.change(id, None, |instance, _| advance(instance, Status::Creating, Status::Running)).await?;
        self.inner.wake.notify_one();
        Ok(())
    }

    /// More containers for an instance that runs.
    pub(super) async fn add_to(&self, instance: Instance, specs: Vec<ContainerSpec>) -> Result<Instance, Error> {
        let turn = self.turn(&instance.id);
        let _mine = turn.lock().await;
        // Another of these may have come before it.
        let instance = self.look(&instance.id).await?;
        running(&instance)?;
        if let Some(taken) = specs.iter().find(|spec| instance.members.iter().any(|m| m.name == spec.name.as_str())) {
            let (taken, id) = (taken.name.as_str(), &instance.id);
            return Err(Error::Invalid(format!("there is a container {taken:?} in instance {id} already")));
        }
        let members: Vec<_> = specs.iter().map(plan::member).collect();
        let shape = Shape { virtual_cpu: instance.cpus, memory_megabytes: instance.memory, machine_arch: None };
        let request = InstanceRequest {
            shape,
            purpose: String::new(),
            labels: instance.labels.clone(),
            deadline: None,
            containers: specs,
            volumes: Vec::new(),
        };
        self.change(&instance.id, None, move |instance, _| instance.members.extend(members)).await?;
        let made = self.make(&instance.id, &request, &request.containers).await;
        let started = match made {
            Ok(ids) => self.start(&ids).await.map(|()| ids),
            Err(error) => Err(error),
        };
        match started {
            Ok(ids) => self.publish(&instance.id, &ids).await,
            Err(error) => {
                let names: Vec<String> = request.containers.iter().map(|spec| spec.name.to_string()).collect();
                self.take_back(&instance.id, names).await;
                Err(error)
            }
        }
    }

    /// Makes the containers, each known in the store before the next step.
    async fn make(
        &self,
        id: &InstanceId,
        request: &InstanceRequest,
        specs: &[ContainerSpec],
    ) -> Result<Vec<String>, Error> {
        for spec in specs {
            self.have_image(id, spec.image.to_string()).await?;
        }
        let mut ids = Vec::new();
        for spec in specs {
            let container = plan::container(id.as_str(), request, spec);
            let references = plan::named(&spec.env).into_iter().map(|named| named.reference).collect();
            ids.push(self.make_one(id, container, references).await?);
        }
        Ok(ids)
    }

    /// Makes one container that may be given these secrets, and returns the engine's id of it.
    pub(super) async fn make_one(
        &self,
        id: &InstanceId,
        container: NewContainer,
        references: Vec<Reference>,
    ) -> Result<String, Error> {
        let name = container.name.clone();
        let printed = self.host()?.engine.run(&Job::Create(Box::new(container))).await.map_err(failed)?;
        let container = printed.split_whitespace().last().unwrap_or_default().to_owned();
        // Before it is started, which is when its secrets are drawn.
        self.vault().confine(&container, references);
        let known = container.clone();
        let instance = self
            .change(id, None, move |instance, _| {
                if let Some(member) = instance.members.iter_mut().find(|member| member.name == name) {
                    member.id = Some(known);
                }
            })
            .await?;
        if !matches!(instance.status, Status::Creating | Status::Running) {
            return Err(super::state(&instance, "it was ended while it was being made"));
        }
        Ok(container)
    }

    pub(super) async fn start(&self, ids: &[String]) -> Result<(), Error> {
        let engine = &self.host()?.engine;
        for id in ids {
            match engine.run(&Job::Start(id.clone())).await {
                Ok(_) => {}
                Err(error @ EngineError::Failed { .. }) => {
                    return Err(Error::Instance(InstanceRefusal::Engine(
                        self.with_last_words(error.to_string(), id).await,
                    )));
                }
                Err(error) => return Err(failed(error)),
            }
        }
        Ok(())
    }

    /// Where the ports are.
    async fn publish(&self, id: &InstanceId, ids: &[String]) -> Result<Instance, Error> {
        let found = self.host()?.engine.inspect(ids.to_vec()).await.map_err(failed)?;
        self.change(id, None, move |instance, _| {
            for member in &mut instance.members {
                let Some(found) = found.iter().find(|found| member.id.as_ref() == Some(&found.id)) else { continue };
                for port in &mut member.ports {
                    let bound = found.ports.iter().find(|(container, ..)| *container == port.container);
                    // What is not published is reached on the host's own network.
                    port.host = bound.map(|(_, address, number)| (address.clone(), *number));
                }
            }
        })
        .await
    }

    /// What a container printed last, below a message.
    pub(super) async fn with_last_words(&self, message: String, container: &str) -> String {
        let Ok(host) = self.host() else { return message };
        let job = Job::Logs { id: container.to_owned(), follow: false, last: Some(LAST_LINES) };
        let Ok(finished) = host.engine.finish(&job).await else { return message };
        let printed = [finished.stdout, finished.stderr].concat();
        let printed = String::from_utf8_lossy(&printed[printed.len().saturating_sub(LAST_BYTES)..]);
        if printed.trim().is_empty() { message } else { format!("{message}\nits last lines:\n{}", printed.trim_end()) }
    }

    async fn take_back(&self, id: &InstanceId, names: Vec<String>) {
        let taken = names.clone();
        let before = self.vault().instance(id.clone()).await.ok().flatten();
        let changed =
            self.change(id, None, move |instance, _| instance.members.retain(|m| !taken.contains(&m.name))).await;
        if let (Ok(host), Some(before), Ok(_)) = (self.host(), before, changed) {
            let ids = before.members.into_iter().filter(|m| names.contains(&m.name)).filter_map(|m| m.id).collect();
            self.remove_containers(&host.engine, ids).await;
        }
    }
}

/// To the next status, unless something else has happened to it meanwhile.
pub(super) fn advance(instance: &mut Instance, from: Status, to: Status) {
    if instance.status == from {
        instance.status = to;
    }
}
