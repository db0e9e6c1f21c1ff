//! Instances: groups of containers, from a request to their end.
//!
//! What there shall be is in the store; what there is the engine says. The containers carry the instance's name as a label,
//! so that they are found again whatever happened to the daemon meanwhile.

mod bring_up;
mod devbox;
mod end;
mod plan;
mod pull;
mod sessions;
mod state;
mod supervise;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore, watch};

use crate::authz::{Action, Principal};
use crate::domain::instance::{ContainerSpec, InstanceRequest, Variable};
use crate::domain::{Instance, InstanceId, Member, Status, Timestamp};
use crate::engine::{Engine, EngineError, Limits, Window};
use crate::vault::{Error, InstancePage, InstanceQuery, InstanceRefusal, Vault};

pub use devbox::Images;
pub use plan::volume_name;
pub use sessions::{Place, Upload};
pub use state::StateFolder;

/// Commands, copies and logs at once, of all callers together.
const MOST_SESSIONS: usize = 512;

/// How the daemon starts containers.
#[derive(Clone)]
pub struct Host {
    /// The engine.
    pub engine: Engine,
    /// What containers may have.
    pub limits: Limits,
    /// Where containers find a token of their instance, or why they can't be given one.
    pub state: Result<StateFolder, String>,
    /// How long the containers of an instance that ended by itself are kept, for their logs.
    pub keep_ended: Duration,
    /// The host's processors.
    pub cpus: u32,
    /// The host's memory in MiB.
    pub memory: u32,
    /// What devboxes may call their images.
    pub images: Images,
}

/// The instances of a vault.
#[derive(Clone)]
pub struct Instances {
    inner: Arc<Inner>,
}

struct Inner {
    vault: Vault,
    host: Option<Host>,
    /// Told whenever an instance has changed.
    changes: watch::Sender<()>,
    /// What engines say of images that they fetch.
    progress: Mutex<HashMap<InstanceId, String>>,
    /// Wakes the supervisor.
    wake: Notify,
    /// For what goes on between callers and containers: each has a process of the engine's.
    places: Arc<Semaphore>,
    /// One at a time works on an instance's containers.
    locks: Mutex<HashMap<InstanceId, Arc<tokio::sync::Mutex<()>>>>,
}

/// A command to run in a container.
pub struct Exec {
    /// The container's name; may be empty if there is one.
    pub container: String,
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Variables beside the container's.
    pub env: Vec<Variable>,
    /// Where it runs.
    pub cwd: String,
    /// Whether it is given input.
    pub stdin: bool,
    /// The size of its terminal, and what kind it is of, if it has one.
    pub terminal: Option<(Window, String)>,
    /// Whether it goes on by itself.
    pub detach: bool,
}

impl Instances {
    /// The instances of this vault; without an engine there can't be any.
    pub fn new(vault: Vault, host: Option<Host>) -> Self {
        let inner = Inner {
            vault,
            host,
            changes: watch::Sender::new(()),
            progress: Mutex::default(),
            wake: Notify::new(),
            places: Arc::new(Semaphore::new(MOST_SESSIONS)),
            locks: Mutex::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    fn host(&self) -> Result<&Host, Error> {
        self.inner.host.as_ref().ok_or(Error::Instance(InstanceRefusal::Off))
    }

    fn vault(&self) -> &Vault {
        &self.inner.vault
    }

    /// Accepts a request, or says why not; what becomes of it is told by [`Self::changes`].
    pub async fn create(&self, principal: &Principal, request: InstanceRequest) -> Result<Instance, Error> {
        let Some(host) = &self.inner.host else {
            return Err(self.vault().refuse_instance(principal, &request.labels).await?);
        };
        plan::check(&request, host, Timestamp::now())?;
        let instance = plan::instance(&request, principal)?;
        let named = request.containers.iter().flat_map(|spec| plan::named(&spec.env)).collect();
        let wants_token = request.containers.iter().any(|spec| spec.nsc_state_path.is_some());
        let token = self.vault().create_instance(principal, instance.clone(), named, wants_token).await?;
        let (instances, id) = (self.clone(), instance.id.clone());
        tokio::spawn(async move { instances.bring_up(id, request, token).await });
        Ok(instance)
    }

    /// Starts more containers in an instance that runs, and waits for them.
    pub async fn add(
        &self,
        principal: &Principal,
        id: &InstanceId,
        containers: Vec<ContainerSpec>,
    ) -> Result<Vec<Member>, Error> {
        let names: Vec<String> = containers.iter().map(|spec| spec.name.to_string()).collect();
        let secrets = containers.iter().flat_map(|spec| plan::named(&spec.env)).collect();
        let instance = self.vault().permit_instance(principal, Action::CreateInstance, id, None, secrets).await?;
        running(&instance)?;
        if instance.devbox.is_some() {
            return Err(Error::Invalid(format!("instance {id} is a devbox, which has one container and no other")));
        }
        plan::check_containers(&containers, self.host()?)?;
        for spec in &containers {
            // It would be given what the instance's maker may do, which is not for whoever may add to it.
            if spec.nsc_state_path.is_some() {
                let name = &spec.name;
                let reason = "is for containers that CreateInstance makes: name it there";
                return Err(Error::Invalid(format!("container {name}: nsc_state_path {reason}")));
            }
        }
        let this = self.clone();
        let added = tokio::spawn(async move { this.add_to(instance, containers).await });
        let instance =
            added.await.map_err(|_| Error::Instance(InstanceRefusal::Engine("it was cut short".to_owned())))??;
        Ok(instance.members.into_iter().filter(|member| names.contains(&member.name)).collect())
    }

    /// The instances that match and may be described, newest first.
    pub async fn list(&self, principal: &Principal, query: InstanceQuery) -> Result<InstancePage, Error> {
        self.vault().list_instances(principal, query).await
    }

    /// What is known of an instance.
    pub async fn describe(&self, principal: &Principal, id: &InstanceId) -> Result<Instance, Error> {
        self.vault().permit_instance(principal, Action::DescribeInstance, id, None, Vec::new()).await
    }

    /// Told whenever an instance may have changed; look with [`Self::look`].
    pub fn changes(&self) -> watch::Receiver<()> {
        self.inner.changes.subscribe()
    }

    /// The same as it is now, for whoever has described it before.
    pub async fn look(&self, id: &InstanceId) -> Result<Instance, Error> {
        let found = self.vault().instance(id.clone()).await?;
        found.ok_or_else(|| Error::Instance(InstanceRefusal::Unknown { id: id.clone() }))
    }

    /// Moves the deadline to what `wanted` makes of now and the present one.
    pub async fn extend(
        &self,
        principal: &Principal,
        id: &InstanceId,
        wanted: impl FnOnce(Timestamp, Option<Timestamp>) -> Result<Timestamp, Error>,
    ) -> Result<Timestamp, Error> {
        let instance = self.vault().permit_instance(principal, Action::UpdateInstance, id, None, Vec::new()).await?;
        if matches!(instance.status, Status::Destroyed | Status::Destroying) {
            return Err(state(&instance, "it can't live longer"));
        }
        let now = Timestamp::now();
        let deadline = wanted(now, instance.deadline)?;
        if deadline <= now {
            return Err(Error::Invalid("the new deadline is not in the future".to_owned()));
        }
        self.change(id, None, move |instance, _| instance.deadline = Some(deadline)).await?;
        self.inner.wake.notify_one();
        Ok(deadline)
    }

    /// Whose turn it is to work on an instance's containers.
    fn turn(&self, id: &InstanceId) -> Arc<tokio::sync::Mutex<()>> {
        let mut locks = self.inner.locks.lock().unwrap_or_else(PoisonError::into_inner);
        locks.retain(|other, lock| other == id || Arc::strong_count(lock) > 1);
        locks.entry(id.clone()).or_default().clone()
    }

    async fn change<F>(&self, id: &InstanceId, action: Option<Action>, change: F) -> Result<Instance, Error>
    where
        F: FnOnce(&mut Instance, Timestamp) + Send + 'static,
    {
        let changed = self.vault().change_instance(id.clone(), action, change).await?;
        self.inner.changes.send_replace(());
        changed.ok_or_else(|| Error::Instance(InstanceRefusal::Unknown { id: id.clone() }))
    }
}

fn running(instance: &Instance) -> Result<(), Error> {
    if instance.status == Status::Running { Ok(()) } else { Err(state(instance, "it must be RUNNING for that")) }
}

fn state(instance: &Instance, reason: &str) -> Error {
    Error::Instance(InstanceRefusal::State {
        id: instance.id.clone(),
        status: instance.status.as_str(),
        reason: reason.to_owned(),
    })
}

fn container_id(instance: &Instance, name: &str) -> Result<String, Error> {
    let found = instance.member(name).and_then(|member| member.id.clone());
    found.ok_or_else(|| {
        let known = instance.members.iter().map(|member| member.name.clone()).collect();
        Error::Instance(InstanceRefusal::NoContainer { id: instance.id.clone(), name: name.to_owned(), known })
    })
}

#[allow(clippy::needless_pass_by_value, reason = "it is given to map_err")]
fn failed(error: EngineError) -> Error {
    Error::Instance(InstanceRefusal::Engine(error.to_string()))
}
