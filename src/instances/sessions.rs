//! What goes on between a caller and a container.

use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;

use super::{Exec, Instances, MOST_SESSIONS, container_id, failed, plan, running, state};
use crate::authz::Principal;
use crate::domain::instance::FilePath;
use crate::domain::{InstanceId, Status};
use crate::engine::{Engine, Frame, Job, Session};
use crate::vault::{Error, InstanceRefusal};

/// Where in a container's files.
pub struct Place {
    /// The container's name; may be empty if there is one.
    pub container: String,
    /// The path.
    pub path: FilePath,
}

/// An archive to be unpacked.
pub struct Upload {
    /// Takes the archive.
    pub session: Session,
    /// The folder that it is unpacked in.
    pub folder: String,
    /// Whether that is the path that was named; else it is the one that this would be in.
    pub is_named: bool,
}

impl Instances {
    /// Starts a command in a container.
    pub async fn exec(&self, principal: &Principal, id: &InstanceId, exec: Exec) -> Result<Session, Error> {
        let named = plan::named(&exec.env);
        let references = named.iter().map(|named| named.reference.clone()).collect();
        let program = exec.command.first().cloned();
        let container = exec.container.clone();
        let instance = self.vault().permit_session(principal, id, container, program, named).await?;
        running(&instance)?;
        let (host, place) = (self.host()?, self.place()?);
        let container = container_id(&instance, &exec.container)?;
        self.vault().allow(&container, references);
        let mut env = plan::environment(&exec.env);
        let terminal = exec.terminal.map(|(window, kind)| {
            env.push(("TERM".to_owned(), kind));
            window
        });
        let Exec { command, cwd, stdin, detach, .. } = exec;
        let job = Job::Exec { id: container, command, env, cwd, stdin, terminal, detach };
        Ok(host.engine.start(&job).await.map_err(failed)?.in_place(place))
    }

    /// Ready when a caller is to be given nothing more: its token counts no more.
    pub fn until_ended(&self, principal: &Principal) -> impl Future<Output = ()> + Send + use<> {
        self.vault().until_ended(principal)
    }

    /// A place, for whoever has been found to be allowed something.
    fn place(&self) -> Result<OwnedSemaphorePermit, Error> {
        let place = Arc::clone(&self.inner.places).try_acquire_owned();
        place.map_err(|_| Error::Instance(InstanceRefusal::Busy { most: MOST_SESSIONS }))
    }

    /// What the containers print: each one's name, and the job that tells it.
    pub async fn logs(
        &self,
        principal: &Principal,
        id: &InstanceId,
        follow: bool,
    ) -> Result<Vec<(String, Session)>, Error> {
        let mut instance = self.describe(principal, id).await?;
        let engine = &self.host()?.engine;
        if matches!(instance.status, Status::Destroyed | Status::Destroying) {
            let found = engine.inspect(instance.container_ids()).await.map_err(failed)?;
            instance.members.retain(|member| found.iter().any(|found| member.id.as_ref() == Some(&found.id)));
            if instance.members.is_empty() {
                return Err(state(&instance, "its containers are gone, and what they printed with them"));
            }
        }
        let mut sessions = Vec::new();
        for member in &instance.members {
            if let Some(id) = member.id.clone() {
                let (job, place) = (Job::Logs { id, follow, last: None }, self.place()?);
                sessions.push((member.name.clone(), engine.start(&job).await.map_err(failed)?.in_place(place)));
            }
        }
        Ok(sessions)
    }

    /// Begins to put files into a container.
    pub async fn upload(&self, principal: &Principal, id: &InstanceId, place: Place) -> Result<Upload, Error> {
        let (engine, container, path) = self.files(principal, id, place, "upload").await?;
        let place = self.place()?;
        let is_named = is_folder(&engine, &container, &path).await?;
        let folder = if is_named { path.as_str() } else { path.rsplit_once('/').map_or("/", |(folder, _)| folder) };
        let folder = if folder.is_empty() { "/" } else { folder }.to_owned();
        if !is_named && !is_folder(&engine, &container, &folder).await? {
            let reason = format!("there is no folder {folder} in the container");
            return Err(Error::Instance(InstanceRefusal::Engine(reason)));
        }
        let job = Job::CopyIn { id: container, path: folder.clone() };
        let session = engine.start(&job).await.map_err(failed)?.in_place(place);
        Ok(Upload { session, folder, is_named })
    }

    /// Begins to get files out of a container.
    pub async fn download(&self, principal: &Principal, id: &InstanceId, place: Place) -> Result<Session, Error> {
        let (engine, container, path) = self.files(principal, id, place, "download").await?;
        let place = self.place()?;
        Ok(engine.start(&Job::CopyOut { id: container, path }).await.map_err(failed)?.in_place(place))
    }

    /// A container whose files the caller may work with: what its commands may see, and change, they can too.
    async fn files(
        &self,
        principal: &Principal,
        id: &InstanceId,
        place: Place,
        what: &str,
    ) -> Result<(Engine, String, String), Error> {
        let path = place.path.as_str().to_owned();
        let reason = Some(format!("{what} {path}"));
        let container = place.container.clone();
        let instance = self.vault().permit_session(principal, id, container, reason, Vec::new()).await?;
        running(&instance)?;
        Ok((self.host()?.engine.clone(), container_id(&instance, &place.container)?, path))
    }
}

/// Whether a path leads to a folder: only then the engine finds its own entry in it.
async fn is_folder(engine: &Engine, container: &str, path: &str) -> Result<bool, Error> {
    let job = Job::CopyOut { id: container.to_owned(), path: format!("{path}/.") };
    let mut session = engine.start(&job).await.map_err(failed)?;
    loop {
        match session.next().await.map_err(failed)? {
            Frame::Stdout(_) => return Ok(true),
            Frame::Exit(_) => return Ok(false),
            _ => {}
        }
    }
}
