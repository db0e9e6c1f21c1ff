//! From a devbox's specification to what is kept of it, and to what the engine is asked for.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::super::{Host, plan};
use crate::authz::Principal;
use crate::domain::devbox::{Devbox, DevboxImage, DevboxSpec, Naming};
use crate::domain::instance::{ImageRef, InstanceRequest, Shape, Variable};
use crate::domain::{EnvName, Instance, InstanceId, Label, Labels, Member, Source};
use crate::engine::{Mount, NewContainer};
use crate::seal::KeyError;
use crate::vault::Error;

/// The variable that git's credentials are in.
const CREDENTIALS: &str = "AMPOULE_GIT_CREDENTIALS";

/// The label that grants may name.
const LABEL: &str = "devbox";

/// It has nothing to do but to be there, and to end when it is told: what is worked with comes by `exec`.
const PROGRAM: &str = "trap 'exit 0' TERM INT; while :; do sleep 3600 & wait \"$!\"; done";

/// What devboxes may call their images.
#[derive(Clone, Debug, Default)]
pub struct Images {
    /// What `default` is.
    pub default: Option<ImageRef>,
    /// What `builtin:NAME` is, by the name.
    pub builtin: BTreeMap<String, ImageRef>,
}

impl Images {
    fn find(&self, image: &DevboxImage) -> Result<ImageRef, Error> {
        match image {
            DevboxImage::Reference(image) => Ok(image.clone()),
            DevboxImage::Default => self.default.clone().ok_or_else(|| {
                let reason = "image: this host has no default image: name an image, or have \
                              `instances.devbox.default_image` set in the daemon's settings";
                Error::Invalid(reason.to_owned())
            }),
            DevboxImage::Builtin(name) => self.builtin.get(name).cloned().ok_or_else(|| {
                let known: Vec<&str> = self.builtin.keys().map(String::as_str).collect();
                let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                Error::Invalid(format!(
                    "image: this host has no built-in image {name}, it has {known}: name an image, or have \
                     `instances.devbox.builtin_images` set in the daemon's settings"
                ))
            }),
        }
    }
}

/// Every variable of a devbox, with what git needs.
pub(super) fn variables(spec: &DevboxSpec) -> Result<Vec<Variable>, Error> {
    let mut env = spec.env.clone();
    if let Some(reference) = spec.repository.as_ref().and_then(|repository| repository.credentials.clone()) {
        if let Some(taken) = env.iter().find(|variable| variable.name.as_str() == CREDENTIALS) {
            let place = &taken.place;
            return Err(Error::Invalid(format!("{place}: {CREDENTIALS} is for repository.credentials: remove it")));
        }
        let name = CREDENTIALS.parse().map_err(|_| Error::Invalid("a variable's name is none".to_owned()))?;
        let place = "repository.credentials".to_owned();
        env.push(Variable { name, source: Source::Secret(reference), place });
    }
    Ok(env)
}

/// A new devbox, no larger than its host.
pub(super) fn instance(
    spec: &DevboxSpec,
    env: &[Variable],
    host: &Host,
    principal: &Principal,
) -> Result<Instance, Error> {
    let name = match &spec.name {
        Naming::Name(name) => name.clone(),
        Naming::Prefix(prefix) => {
            let mut random = [0; 6];
            getrandom::fill(&mut random).map_err(|error| KeyError::NoRandomness { reason: error.to_string() })?;
            prefix.with_end(random)
        }
    };
    let invalid = |error: &dyn std::fmt::Display| Error::Invalid(error.to_string());
    let label = Label::new(LABEL, name.as_str()).map_err(|error| invalid(&error))?;
    let secret = |variable: &Variable| match &variable.source {
        Source::Secret(reference) => Some((variable.name.clone(), reference.clone())),
        Source::Literal(_) => None,
    };
    let secrets: Vec<_> = env.iter().filter_map(secret).collect();
    let request = InstanceRequest {
        shape: Shape {
            virtual_cpu: Some(spec.size.virtual_cpu().min(host.cpus)),
            memory_megabytes: Some(spec.size.memory_megabytes().min(host.memory)),
            machine_arch: None,
        },
        purpose: format!("devbox {name}"),
        labels: Labels::new(vec![label]).map_err(|error| invalid(&error))?,
        deadline: None,
        containers: Vec::new(),
        volumes: Vec::new(),
    };
    let mut instance = plan::instance(&request, principal)?;
    instance.members.push(Member {
        name: name.to_string(),
        id: None,
        is_service: true,
        references: secrets.iter().map(|(_, reference)| reference.clone()).collect(),
        ports: Vec::new(),
    });
    instance.devbox = Some(Devbox {
        name,
        image: host.images.find(&spec.image)?,
        size: spec.size,
        repository: spec.repository.clone(),
        ephemeral: spec.ephemeral,
        secrets,
    });
    Ok(instance)
}

/// What the engine is asked for.
pub(super) fn container(instance: &Instance, devbox: &Devbox, env: &[Variable], home: &str) -> NewContainer {
    let mut environment = plan::environment(env);
    if home_of_variables(env).is_none() {
        environment.push(("HOME".to_owned(), home.to_owned()));
    }
    let mounts = if devbox.ephemeral {
        let memory = |target: &str| Mount::Memory { target: target.to_owned() };
        vec![memory(home), memory(Devbox::WORKSPACES), memory("/tmp")]
    } else {
        let [of_home, of_workspaces] = volumes(&instance.id);
        let volume = |name: String, target: &str| Mount::Volume { name, target: target.to_owned() };
        vec![volume(of_home, home), volume(of_workspaces, Devbox::WORKSPACES)]
    };
    NewContainer {
        instance: instance.id.to_string(),
        name: devbox.name.to_string(),
        image: devbox.image.to_string(),
        entrypoint: Some("/bin/sh".to_owned()),
        args: vec!["-c".to_owned(), PROGRAM.to_owned()],
        env: environment,
        mounts,
        cpus: instance.cpus,
        memory: instance.memory,
        cwd: Devbox::WORKSPACES.to_owned(),
        ..NewContainer::default()
    }
}

/// The volumes of a devbox. No tag of a request leads to them: what a tag names begins with `ampoule-`.
pub(super) fn volumes(id: &InstanceId) -> [String; 2] {
    ["home", "workspaces"].map(|name| format!("ampoule.devbox-{id}-{name}"))
}

/// The home directory that somebody has set.
pub(super) fn home_of_variables(env: &[Variable]) -> Option<&str> {
    let home = env.iter().find(|variable| variable.name.as_str() == "HOME")?;
    match &home.source {
        Source::Literal(path) => Some(path),
        Source::Secret(_) => None,
    }
}

/// What an image says of its containers.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct ImageConfig {
    user: Option<String>,
    env: Option<Vec<String>>,
}

impl ImageConfig {
    /// The home directory of whoever its programs run as: what it says itself, or the usual one.
    pub(super) fn home(&self) -> String {
        let said = self.env.iter().flatten().find_map(|variable| variable.strip_prefix("HOME="));
        let user = self.user.as_deref().unwrap_or_default();
        let user = user.split(':').next().unwrap_or_default();
        match (said, user) {
            (Some(home), _) if home.starts_with('/') => home.to_owned(),
            (_, "" | "0" | "root") => "/root".to_owned(),
            (_, user) => format!("/home/{user}"),
        }
    }
}

/// The name of a variable, as a refusal tells its place.
pub(super) fn place(name: &EnvName) -> String {
    if name.as_str() == CREDENTIALS { "repository.credentials".to_owned() } else { format!("env {name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn home_is_where_the_image_has_it() {
        let home = |json: &str| serde_json::from_str::<ImageConfig>(json).expect("JSON").home();
        assert_eq!(home("{}"), "/root");
        assert_eq!(home(r#"{"User": null, "Env": null}"#), "/root");
        assert_eq!(home(r#"{"User": "0:0"}"#), "/root");
        assert_eq!(home(r#"{"User": "dev:dev", "Env": ["PATH=/bin"]}"#), "/home/dev");
        assert_eq!(home(r#"{"User": "dev", "Env": ["HOME=/work"]}"#), "/work");
    }
}
