//! What goes on between a caller and a container.

use super::{Exec, Instances, container_id, failed, plan, running};
use crate::authz::{Action, Principal};
use crate::domain::InstanceId;
use crate::domain::instance::FilePath;
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
        let instance = self.vault().permit_instance(principal, Action::ExecInstance, id, program, named).await?;
        running(&instance)?;
        let host = self.host()?;
        let container = container_id(&instance, &exec.container)?;
        self.vault().allow(&container, references);
        let mut env = plan::environment(&exec.env);
        let terminal = exec.terminal.map(|(window, kind)| {
            env.push(("TERM".to_owned(), kind));
            window
        });
        let Exec { command, cwd, stdin, detach, .. } = exec;
        let job = Job::Exec { id: container, command, env, cwd, stdin, terminal, detach };
        host.engine.start(&job).await.map_err(failed)
    }

    /// What the containers print: each one's name, and the job that tells it.
    pub async fn logs(
        &self,
        principal: &Principal,
        id: &InstanceId,
        follow: bool,
    ) -> Result<Vec<(String, Session)>, Error> {
        let instance = self.describe(principal, id).await?;
        let engine = &self.host()?.engine;
        let mut sessions = Vec::new();
        for member in &instance.members {
            if let Some(id) = member.id.clone() {
                let job = Job::Logs { id, follow, last: None };
                sessions.push((member.name.clone(), engine.start(&job).await.map_err(failed)?));
            }
        }
        Ok(sessions)
    }

    /// Begins to put files into a container.
    pub async fn upload(&self, principal: &Principal, id: &InstanceId, place: Place) -> Result<Upload, Error> {
        let (engine, container, path) = self.files(principal, id, place, "upload").await?;
        let is_named = is_folder(&engine, &container, &path).await?;
        let folder = if is_named { path.as_str() } else { path.rsplit_once('/').map_or("/", |(folder, _)| folder) };
        let folder = if folder.is_empty() { "/" } else { folder }.to_owned();
        if !is_named && !is_folder(&engine, &container, &folder).await? {
            let reason = format!("there is no folder {folder} in the container");
            return Err(Error::Instance(InstanceRefusal::Engine(reason)));
        }
        let job = Job::CopyIn { id: container, path: folder.clone() };
        Ok(Upload { session: engine.start(&job).await.map_err(failed)?, folder, is_named })
    }

    /// Begins to get files out of a container.
    pub async fn download(&self, principal: &Principal, id: &InstanceId, place: Place) -> Result<Session, Error> {
        let (engine, container, path) = self.files(principal, id, place, "download").await?;
        engine.start(&Job::CopyOut { id: container, path }).await.map_err(failed)
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
        let instance = self.vault().permit_instance(principal, Action::ExecInstance, id, reason, Vec::new()).await?;
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
