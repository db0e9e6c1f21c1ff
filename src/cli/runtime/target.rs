//! An engine on this host, and the file of its settings that runtimes are registered in.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use nix::unistd::geteuid;

use super::super::{CliError, Context};
use super::fault::Fault;
use super::podman::Lists;
use super::{Links, Registered, containerd, docker, podman};
use crate::config::Environment;

/// An engine that can be told of a runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Engine {
    Podman,
    Docker,
    Containerd,
}

/// What our drop-in is called.
const DROP_IN: &str = "ampoule.conf";

/// The settings of one engine.
pub(in crate::cli) struct Target {
    pub(super) engine: Engine,
    pub(super) rootless: bool,
    pub(super) path: PathBuf,
    /// Whether `CONTAINERS_CONF` names it.
    is_named: bool,
    /// podman's lists as they are without our drop-in.
    lists: Lists,
    /// What else podman reads.
    others: Vec<PathBuf>,
}

impl Engine {
    pub(in crate::cli) fn name(self) -> &'static str {
        match self {
            Self::Podman => "podman",
            Self::Docker => "docker",
            Self::Containerd => "containerd",
        }
    }

    /// Its settings: the machine's, or those of this user, unless podman is told to read another file.
    fn file(self, rootless: bool, environment: &Environment) -> Option<PathBuf> {
        if let Some(named) = environment.containers_conf().filter(|_| self == Self::Podman) {
            return Some(named);
        }
        let (folder, name) = match self {
            Self::Podman => ("containers", "containers.conf.d/ampoule.conf"),
            Self::Docker => ("docker", "daemon.json"),
            Self::Containerd => ("containerd", "config.toml"),
        };
        let machine = || PathBuf::from("/etc").join(folder);
        let folder = if rootless { environment.config_dir(folder) } else { Some(machine()) };
        folder.map(|folder| folder.join(name))
    }
}

impl Target {
    pub(in crate::cli) fn new(
        context: &Context,
        engine: Engine,
        rootless: bool,
        file: Option<PathBuf>,
    ) -> Result<Self, CliError> {
        let environment = &context.environment;
        let is_named = file.is_none() && engine == Engine::Podman && environment.containers_conf().is_some();
        let path = file.or_else(|| engine.file(rootless, environment)).ok_or_else(|| CliError::Program {
            reason: format!("nobody knows where your own settings of {} are", engine.name()),
            remedy: "Set HOME, or name the file with --file.".to_owned(),
        })?;
        let path = std::path::absolute(&path).map_err(|error| CliError::Read { path, error })?;
        // What podman is told to read may be another's, and is only looked at so far.
        if rootless && !is_named {
            check_owner(&path, "leave --rootless out")?;
        }
        let files = if engine == Engine::Podman { podman_files(rootless, environment) } else { Vec::new() };
        let lists = lists_before(&path, &files);
        // What a file elsewhere has is not what podman reads by itself.
        let others = if files.contains(&path) { files } else { Vec::new() };
        let others = others.into_iter().filter(|file| *file != path).collect();
        Ok(Self { engine, rootless, path, is_named, lists, others })
    }

    /// Refuses to write what is no file, and where another user whom the environment names could have it lead.
    pub(super) fn check_place(&self) -> Result<(), CliError> {
        if self.path.exists() && !self.path.is_file() {
            return Err(CliError::Program {
                reason: format!("{} is no file", self.path.display()),
                remedy: "Name the engine's settings with --file.".to_owned(),
            });
        }
        if self.is_named { check_owner(&self.path, "unset CONTAINERS_CONF") } else { Ok(()) }
    }

    /// The text with our runtimes in it; an absent file's is empty.
    pub(super) fn add(&self, text: &str, links: &Links) -> Result<String, Fault> {
        match self.engine {
            Engine::Podman => podman::add(text, links, &self.lists),
            Engine::Docker => docker::add(text, links),
            Engine::Containerd => containerd::add(text, links),
        }
    }

    /// The text without them, or nothing if the file has no use any more.
    pub(super) fn remove(&self, text: &str) -> Result<Option<String>, Fault> {
        match self.engine {
            Engine::Podman => podman::remove(text, &self.lists),
            Engine::Docker => docker::remove(text).map(Some),
            Engine::Containerd => containerd::remove(text).map(Some),
        }
    }

    /// Fails while another file than ours makes one of ours podman's default, without which podman starts nothing.
    pub(super) fn refuse_default(&self) -> Result<(), CliError> {
        for path in &self.others {
            let text = fs::read_to_string(path).unwrap_or_default();
            podman::refuse_default(&text).map_err(|fault| CliError::Place(format!("{}:{fault}", path.display())))?;
        }
        Ok(())
    }

    pub(super) fn registered(&self, text: &str) -> Result<Vec<Registered>, Fault> {
        match self.engine {
            Engine::Podman => podman::registered(text),
            Engine::Docker => docker::registered(text),
            Engine::Containerd => containerd::registered(text),
        }
    }

    /// What is to be known beside.
    pub(super) fn notes(&self, text: &str) -> Vec<&'static str> {
        if self.engine == Engine::Containerd { containerd::notes(text) } else { Vec::new() }
    }

    /// What has the engine know of runtimes that were added.
    pub(super) fn after_install(&self) -> &'static str {
        match (self.engine, self.rootless) {
            (Engine::Docker, false) => "Next: systemctl reload docker",
            (Engine::Docker, true) => "Next: systemctl --user reload docker",
            _ => self.after_uninstall(),
        }
    }

    /// What has the engine forget them.
    pub(super) fn after_uninstall(&self) -> &'static str {
        match (self.engine, self.rootless) {
            (Engine::Podman, _) => {
                "Nothing is to be restarted: podman reads it each time. Containers that were made with them it can stop and remove \
                 only where they are: install them again for that"
            }
            // A reload without the key changes nothing (seen with 20.10 and 26.1), and a restart may stop containers.
            (Engine::Docker, _) => "Nothing is to be restarted now: Docker forgets them at its next start",
            (Engine::Containerd, false) => "Next: systemctl restart containerd (containers go on)",
            (Engine::Containerd, true) => "Next: systemctl --user restart containerd (containers go on)",
        }
    }
}

/// A user's own folders lead where that user wants: who is somebody else, root above all, must not write there.
fn check_owner(path: &Path, remedy: &str) -> Result<(), CliError> {
    let there = path.ancestors().find_map(|folder| fs::metadata(folder).ok());
    let (owner, own) = (there.map_or(0, |folder| folder.uid()), geteuid().as_raw());
    if owner == own {
        return Ok(());
    }
    Err(CliError::Program {
        reason: format!("{} is user {owner}'s, and you are user {own}", path.display()),
        remedy: format!("Call it as that user, or {remedy}."),
    })
}

/// What podman reads, in its order.
fn podman_files(rootless: bool, environment: &Environment) -> Vec<PathBuf> {
    if let Some(named) = environment.containers_conf() {
        return vec![std::path::absolute(&named).unwrap_or(named)];
    }
    let own = rootless.then(|| environment.config_dir("containers")).flatten();
    let folders = [PathBuf::from("/usr/share/containers"), PathBuf::from("/etc/containers")].into_iter().chain(own);
    folders.flat_map(|folder| [vec![folder.join("containers.conf")], drop_ins(&folder)].concat()).collect()
}

/// podman's lists, of the files that it reads before this one.
fn lists_before(path: &Path, files: &[PathBuf]) -> Lists {
    let mut lists = Lists::default();
    // The machine's drop-in of ours repeats what it found too.
    let is_ours = |file: &PathBuf| file.file_name().is_some_and(|name| name == DROP_IN);
    for file in files.iter().take_while(|file| *file != path).filter(|file| !is_ours(file)) {
        lists.read(&fs::read_to_string(file).unwrap_or_default());
    }
    lists
}

/// In the order in which podman reads them.
fn drop_ins(folder: &Path) -> Vec<PathBuf> {
    let folder = folder.join("containers.conf.d");
    let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> =
        entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|end| end == "conf")).collect();
    // Ours has its place also before it is there.
    files.push(folder.join(DROP_IN));
    files.sort();
    files.dedup();
    files
}
