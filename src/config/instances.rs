//! Whether containers are started here, and what they may have.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::ConfigError;
use crate::domain::instance::ImageRef;

/// How containers are started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceSettings {
    /// The engine; the first that is there, of podman and docker, if none is named.
    pub engine: Option<EngineName>,
    /// The runtime that puts secrets in, as the engine knows it.
    pub runtime: Option<String>,
    /// Arguments before every command of the engine.
    pub engine_arguments: Vec<String>,
    /// Whether containers may be privileged, have more capabilities, or use the host's network.
    pub allow_privileged: bool,
    /// The devices that they may have.
    pub allow_devices: Vec<PathBuf>,
    /// Folders of the host that they may mount, with all that is below.
    pub allow_host_mounts: Vec<PathBuf>,
    /// The engine's socket, if containers may have it.
    pub engine_socket: Option<PathBuf>,
    /// Where instances' tokens lie for their containers; a folder beside the socket if none is named.
    pub state_folder: Option<PathBuf>,
    /// How long the containers of an instance that ended by itself are kept.
    pub keep_ended: Duration,
    /// What devboxes are made of.
    pub devbox: DevboxSettings,
    /// Where programs are looked for.
    pub programs: Vec<PathBuf>,
}

/// The images that devboxes know by a name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DevboxSettings {
    /// What `default` is.
    pub default_image: Option<ImageRef>,
    /// What `builtin:NAME` is, by the name.
    pub builtin_images: BTreeMap<String, ImageRef>,
}

/// An engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EngineName {
    /// podman.
    Podman,
    /// Docker.
    Docker,
}

/// The key `instances`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    engine: Option<EngineName>,
    runtime: Option<String>,
    #[serde(default)]
    engine_arguments: Vec<String>,
    #[serde(default)]
    allow_privileged: bool,
    #[serde(default)]
    allow_devices: Vec<PathBuf>,
    #[serde(default)]
    allow_host_mounts: Vec<PathBuf>,
    engine_socket: Option<PathBuf>,
    state_folder: Option<PathBuf>,
    keep_ended_seconds: Option<u32>,
    #[serde(default)]
    devbox: WrittenDevbox,
}

/// The key `instances.devbox`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenDevbox {
    default_image: Option<String>,
    #[serde(default)]
    builtin_images: BTreeMap<String, String>,
}

impl WrittenDevbox {
    fn settings(self) -> Result<DevboxSettings, ConfigError> {
        let image = |key: String, text: String| {
            text.parse::<ImageRef>().map_err(|fault| ConfigError::Image { key, reason: fault.to_string() })
        };
        let default = self.default_image.map(|text| image("instances.devbox.default_image".to_owned(), text));
        let builtin = self.builtin_images.into_iter().map(|(name, text)| {
            let read = image(format!("instances.devbox.builtin_images.{name}"), text)?;
            Ok((name, read))
        });
        Ok(DevboxSettings { default_image: default.transpose()?, builtin_images: builtin.collect::<Result<_, _>>()? })
    }
}

impl Written {
    pub(super) fn settings(self, programs: Vec<PathBuf>) -> Result<InstanceSettings, ConfigError> {
        let absolute = |key: &'static str, paths: Vec<PathBuf>| match paths.iter().find(|path| !path.is_absolute()) {
            Some(path) => Err(ConfigError::Relative { key, path: path.clone() }),
            None => Ok(paths),
        };
        let socket = absolute("instances.engine_socket", self.engine_socket.into_iter().collect())?;
        let state = absolute("instances.state_folder", self.state_folder.into_iter().collect())?;
        Ok(InstanceSettings {
            engine: self.engine,
            runtime: self.runtime,
            engine_arguments: self.engine_arguments,
            allow_privileged: self.allow_privileged,
            allow_devices: absolute("instances.allow_devices", self.allow_devices)?,
            allow_host_mounts: absolute("instances.allow_host_mounts", self.allow_host_mounts)?,
            engine_socket: socket.into_iter().next(),
            state_folder: state.into_iter().next(),
            keep_ended: Duration::from_secs(self.keep_ended_seconds.unwrap_or(600).into()),
            devbox: self.devbox.settings()?,
            programs,
        })
    }
}
