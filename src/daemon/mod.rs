//! Composition: reads settings once, opens the vault, serves, stops.

mod checkpoints;
pub mod concerns;
mod engine;
mod error;
mod harden;
mod inventory;
mod keys;
mod logging;
mod network;
mod sink;
mod socket;
mod state;

use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;
use std::time::Instant;

use tokio::net::UnixListener;
use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal};

use self::harden::Reach;
use self::keys::{Opened, Opener};
use self::sink::Sink;
use self::socket::Place;
use self::state::State;
pub use engine::{COMMAND as AGENT_COMMAND, run_agent};
pub use error::Error;

use crate::api::{self, Server};
use crate::authz::Policy;
use crate::config::{Grants, InstanceSettings, Settings, TlsSettings};
use crate::dashboard::Concerns;
use crate::instances::{Instances, StateFolder};
use crate::vault::Vault;

/// Serves in the foreground until SIGTERM or SIGINT; the process's exit code.
pub fn run(settings: &Settings) -> ExitCode {
    if let Err(error) = logging::start(&settings.log).and_then(|()| serve(settings)) {
        logging::fatal(&error);
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn serve(settings: &Settings) -> Result<(), Error> {
    let started = Instant::now();
    // Before this process denies itself anything: it starts programs, which may not be denied it.
    let agent = settings.instances.as_ref().map(engine::start).transpose()?;
    harden::process()?;
    network::raise_descriptor_limit()?;
    let network = settings.listen.iter().map(network::listen).collect::<Result<Vec<_>, _>>()?;
    // Held until the end: a second daemon on the same state would not see this one's writes.
    let state = state::claim(&settings.state_dir)?;
    let opener = Opener::find(&settings.root_key, state.folder());
    let place = socket::find(&settings.socket)?;
    // How many processors there are is written in files that are out of reach then.
    let workers = thread::available_parallelism().map_or(1, NonZero::get);
    let tokens = settings.instances.as_ref().map(|instances| instance_state(settings, instances));
    let kept = tokens.iter().flatten().map(StateFolder::path);
    harden::confine(&reach(settings, &state, &opener, &place, kept))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(workers).enable_all().build();
    let runtime = runtime.map_err(Error::Runtime)?;
    let store = state.open_store()?;
    let Opened { keys, new, seal, vouched } = keys::open(&runtime, &store, opener)?;
    let Grants { users, groups } = settings.grants.clone();
    let policy = Policy::new(nix::unistd::geteuid().as_raw()).with_grants(users, groups);
    let vault = Vault::new(store, keys, settings.versions_kept);
    let no_tokens = tokens.as_ref().and_then(|tokens| tokens.as_ref().err().cloned());
    let watched = concerns::Watched::new(settings, no_tokens);
    let agent_socket = settings.socket.with_extension("engine");
    let agent = agent.zip(settings.instances.as_ref()).zip(tokens);
    let agent = agent.map(|((agent, set), state)| {
        agent.begin(set, vault.id().to_string(), &agent_socket, state, size_of_host(workers))
    });
    let (_agent, host) = agent.transpose()?.unzip();
    let failed = |error| state.log_error(error);
    runtime.block_on(vault.check_log(seal, vouched)).map_err(failed)?;
    runtime.block_on(vault.keep_keys(new)).map_err(failed)?;
    // Before the socket is there: whoever can call may also want the daemon to stop.
    let (mut term, mut int) = {
        let _inside = runtime.enter();
        (stop_signal(SignalKind::terminate())?, stop_signal(SignalKind::interrupt())?)
    };
    let (listener, name) = place.bind()?;
    let sink = runtime.block_on(async {
        let socket = UnixListener::from_std(listener).map_err(Error::Runtime)?;
        vault.record_start().await.map_err(failed)?;
        let checkpoints = checkpoints::Keeper::start(&vault);
        let inventory = inventory::Keeper::start(&vault);
        let start_sink = |sink| Sink::start(&vault, sink, state.folder(), Handle::current());
        let sink = settings.audit_sink.as_ref().map(start_sink).transpose()?;
        let stop = async {
            tokio::select! { _ = term.recv() => {}, _ = int.recv() => {} }
            tracing::info!("stopping: requests under way are finished");
            // Whoever comes now is told at once that nobody listens, instead of waiting for the end.
            drop(name);
            notify(sd_notify::NotifyState::Stopping);
        };
        let instances = Instances::new(vault.clone(), host);
        let unfinished = match instances.remember().await {
            // A damaged page is told to whoever asks for what is on it; nothing is started here that could.
            Err(error) if settings.instances.is_none() => {
                tracing::warn!(error = error.to_string(), "the instances of an earlier daemon can't be read");
                Vec::new()
            }
            remembered => remembered.map_err(failed)?,
        };
        let supervisor = tokio::spawn({
            let instances = instances.clone();
            async move { instances.supervise(unfinished).await }
        });
        let milliseconds = started.elapsed().as_millis();
        tracing::info!(socket = %settings.socket.display(), milliseconds, "ready");
        notify(sd_notify::NotifyState::Ready);
        let limits = settings.limits.clone();
        let dashboard = settings.dashboard.then(|| Concerns::new(move || watched.look()));
        api::serve(Server { vault: vault.clone(), instances, policy, limits, socket, network, dashboard }, stop)
            .await
            .map_err(Error::Runtime)?;
        supervisor.abort();
        // What it was at is seen through, or the next daemon finds it.
        let _ = supervisor.await;
        inventory.stop().await;
        checkpoints.stop().await;
        vault.record_stop().await.map_err(failed)?;
        Ok::<Option<Sink>, Error>(sink)
    })?;
    if let Some(sink) = sink {
        sink.stop();
    }
    // The writer finishes what it was given before the lock goes.
    drop(vault);
    tracing::info!("stopped");
    Ok(())
}

/// Where instances' tokens lie: beside the socket, which is where a run directory is, unless the settings name a place.
fn instance_state(settings: &Settings, instances: &InstanceSettings) -> Result<StateFolder, String> {
    let beside = || settings.socket.with_file_name("instances");
    StateFolder::prepare(&instances.state_folder.clone().unwrap_or_else(beside))
}

/// Processors, and memory in MiB.
fn size_of_host(workers: usize) -> (u32, u32) {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    // In KiB (proc_meminfo(5)).
    let total = text.lines().find_map(|line| line.strip_prefix("MemTotal:")?.split_whitespace().next()?.parse().ok());
    let memory = total.map_or(u32::MAX, |total: u64| u32::try_from(total / 1024).unwrap_or(u32::MAX));
    (u32::try_from(workers).unwrap_or(u32::MAX), memory)
}

/// What the daemon still opens once it is confined.
fn reach<'a>(
    settings: &Settings,
    state: &State,
    opener: &Opener,
    place: &Place<'_>,
    tokens: impl Iterator<Item = &'a Path>,
) -> Reach {
    let sink = settings.audit_sink.as_ref().and_then(sink::prepare);
    Reach {
        folders: [Some(state.folder()), opener.folder()].into_iter().flatten().map(Path::to_owned).collect(),
        trees: tokens.map(Path::to_owned).collect(),
        sockets: place.folder().map(Path::to_owned).into_iter().collect(),
        // They are read again when they have changed.
        read: settings.listen.iter().filter_map(|listen| listen.tls.as_ref()).flat_map(TlsSettings::files).collect(),
        // Which containers live is seen by their processes. What these keep to themselves the kernel doesn't show.
        looked_into: vec![PathBuf::from("/proc")],
        written: sink.map(Path::to_owned).into_iter().collect(),
    }
}

fn stop_signal(kind: SignalKind) -> Result<tokio::signal::unix::Signal, Error> {
    signal(kind).map_err(Error::Runtime)
}

/// Tells systemd, if it started us (`sd_notify`(3)).
fn notify(state: sd_notify::NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(error = error.to_string(), "systemd can't be told");
    }
}
