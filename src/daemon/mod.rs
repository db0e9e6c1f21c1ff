//! Composition: reads settings once, opens the vault, serves, stops.

mod checkpoints;
mod error;
mod harden;
mod keys;
mod logging;
mod network;
mod sink;
mod socket;
mod state;

use std::process::ExitCode;
use std::time::Instant;

use tokio::net::UnixListener;
use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal};

use self::sink::Sink;
pub use error::Error;

use crate::api::{self, Server};
use crate::authz::Policy;
use crate::config::{Grants, Settings};
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
    harden::process()?;
    network::raise_descriptor_limit()?;
    let network = settings.listen.iter().map(network::listen).collect::<Result<Vec<_>, _>>()?;
    // Held until the end: a second daemon on the same state would not see this one's writes.
    let state = state::claim(&settings.state_dir)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Error::Runtime)?;
    let store = state.open_store()?;
    let keys = keys::open(&runtime, &store, &settings.root_key, state.folder())?;
    let Grants { users, groups } = settings.grants.clone();
    let policy = Policy::new(nix::unistd::geteuid().as_raw()).with_grants(users, groups);
    let vault = Vault::new(store, keys, settings.versions_kept);
    let failed = |error| state.log_error(error);
    runtime.block_on(vault.check_log()).map_err(failed)?;
    // Before the socket is there: whoever can call may also want the daemon to stop.
    let (mut term, mut int) = {
        let _inside = runtime.enter();
        (stop_signal(SignalKind::terminate())?, stop_signal(SignalKind::interrupt())?)
    };
    let (listener, name) = socket::bind(&settings.socket)?;
    let sink = runtime.block_on(async {
        let socket = UnixListener::from_std(listener).map_err(Error::Runtime)?;
        vault.record_start().await.map_err(failed)?;
        let checkpoints = checkpoints::Keeper::start(&vault);
        let start_sink = |sink| Sink::start(&vault, sink, state.folder(), Handle::current());
        let sink = settings.audit_sink.as_ref().map(start_sink).transpose()?;
        let stop = async {
            tokio::select! { _ = term.recv() => {}, _ = int.recv() => {} }
            tracing::info!("stopping: requests under way are finished");
            // Whoever comes now is told at once that nobody listens, instead of waiting for the end.
            drop(name);
            notify(sd_notify::NotifyState::Stopping);
        };
        let milliseconds = started.elapsed().as_millis();
        tracing::info!(socket = %settings.socket.display(), milliseconds, "ready");
        notify(sd_notify::NotifyState::Ready);
        let limits = settings.limits.clone();
        api::serve(Server { vault: vault.clone(), policy, limits, socket, network }, stop)
            .await
            .map_err(Error::Runtime)?;
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

fn stop_signal(kind: SignalKind) -> Result<tokio::signal::unix::Signal, Error> {
    signal(kind).map_err(Error::Runtime)
}

/// Tells systemd, if it started us (`sd_notify`(3)).
fn notify(state: sd_notify::NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(error = error.to_string(), "systemd can't be told");
    }
}
