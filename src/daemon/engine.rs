//! The process that starts containers for the daemon.
//!
//! The daemon denies itself to run programs, so it starts this one before; it becomes the agent when it is told how.

use std::fs;
use std::io::{self, BufRead, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};

use nix::unistd::close;

use super::{Error, logging};
use crate::config::{EngineName, InstanceSettings};
use crate::engine::{Agent, Engine, Kind, Limits, Setup};
use crate::instances::{Host, Images, StateFolder};

/// The command that the daemon starts itself with.
pub const COMMAND: &str = "engine-agent";

/// The process, waiting to be told.
pub(super) struct Waiting {
    child: Child,
    kind: Kind,
    program: PathBuf,
}

/// The agent; it ends with this.
pub(super) struct Running {
    child: Child,
}

/// What the agent is told first.
#[derive(serde::Serialize, serde::Deserialize)]
struct Start {
    setup: Setup,
    socket: PathBuf,
}

/// Starts the process. What the daemon has open and denies itself later doesn't reach it.
pub(super) fn start(settings: &InstanceSettings) -> Result<Waiting, Error> {
    let (kind, program) = find(settings.engine, &settings.programs)?;
    let failed = |error: io::Error| Error::Engine { reason: format!("its agent can't be started: {error}") };
    let mut command = Command::new("/proc/self/exe");
    // Not of the daemon's group: what a terminal sends that, is for the daemon.
    command.arg(COMMAND).stdin(Stdio::piped()).process_group(0);
    command.env_remove("LISTEN_FDS").env_remove("LISTEN_PID").env_remove("LISTEN_FDNAMES").env_remove("NOTIFY_SOCKET");
    Ok(Waiting { child: command.spawn().map_err(failed)?, kind, program })
}

fn find(engine: Option<EngineName>, programs: &[PathBuf]) -> Result<(Kind, PathBuf), Error> {
    let kinds = match engine {
        Some(EngineName::Podman) => vec![Kind::Podman],
        Some(EngineName::Docker) => vec![Kind::Docker],
        None => vec![Kind::Podman, Kind::Docker],
    };
    let in_folder = |kind: Kind| programs.iter().map(move |folder| (kind, folder.join(kind.as_str())));
    let found = kinds.iter().flat_map(|kind| in_folder(*kind)).find(|(_, path)| path.is_file());
    found.ok_or_else(|| {
        let names: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
        Error::Engine {
            reason: format!(
                "{} is not installed: install it, or take `instances` out of the settings",
                names.join(" nor ")
            ),
        }
    })
}

impl Waiting {
    /// Has it become the agent.
    pub(super) fn begin(
        mut self,
        settings: &InstanceSettings,
        vault: String,
        socket: &Path,
        state: Result<StateFolder, String>,
        (cpus, memory): (u32, u32),
    ) -> Result<(Running, Host), Error> {
        let state = state.and_then(|state| state.of_vault(&vault));
        let limits = Limits {
            state_folder: state.as_ref().ok().map(|state| state.path().to_owned()),
            privileged: settings.allow_privileged,
            devices: settings.allow_devices.clone(),
            host_mounts: settings.allow_host_mounts.clone(),
            engine_socket: settings.engine_socket.clone(),
        };
        let usual = match self.kind {
            Kind::Podman => "ampoule-runc",
            Kind::Docker => "ampoule",
        };
        let start = Start {
            setup: Setup {
                kind: self.kind,
                program: self.program.clone(),
                arguments: settings.engine_arguments.clone(),
                runtime: settings.runtime.clone().unwrap_or_else(|| usual.to_owned()),
                vault,
                limits: limits.clone(),
            },
            socket: socket.to_owned(),
        };
        let failed = |error: io::Error| Error::Engine { reason: format!("its agent can't be told: {error}") };
        let mut line = serde_json::to_vec(&start).map_err(|error| failed(error.into()))?;
        line.push(b'\n');
        let told = self.child.stdin.as_mut().map(|stdin| stdin.write_all(&line).and_then(|()| stdin.flush()));
        told.unwrap_or(Ok(())).map_err(failed)?;
        let engine = Engine::new(self.kind, socket.to_owned());
        let images =
            Images { default: settings.devbox.default_image.clone(), builtin: settings.devbox.builtin_images.clone() };
        let host = Host { engine, limits, state, keep_ended: settings.keep_ended, cpus, memory, images };
        Ok((Running { child: self.child }, host))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The end of its standard input tells it.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// The life of the process.
pub fn run_agent() -> ExitCode {
    match work() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            logging::fatal(&error);
            ExitCode::FAILURE
        }
    }
}

fn work() -> Result<(), Error> {
    let failed = |reason: String| Error::Engine { reason };
    forget_descriptors().map_err(|error| failed(error.to_string()))?;
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line).map_err(|error| failed(error.to_string()))?;
    // The daemon has ended before it could tell anything.
    if line.is_empty() {
        return Ok(());
    }
    let Start { setup, socket } = serde_json::from_str(&line).map_err(|error| failed(error.to_string()))?;
    let agent = Agent::listen(setup, &socket).map_err(|error| failed(error.to_string()))?;
    agent.work().map_err(|error| failed(error.to_string()))
}

/// Closes all but the standard ones: what systemd passes to the daemon would live on in engines and containers.
fn forget_descriptors() -> io::Result<()> {
    let names =
        fs::read_dir("/proc/self/fd")?.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
    let open: Vec<i32> = names.filter(|number| *number > 2).collect();
    for number in open {
        // One was that of the list itself.
        let _ = close(number);
    }
    Ok(())
}
