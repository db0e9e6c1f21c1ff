//! Forwarding the audit log beside the database, without making anybody wait.
//!
//! A thread of its own reads what is durable already and writes it to the sink. If that fails it tries again later, from
//! where it stopped; how far it came is kept in the state directory.

mod target;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;

use self::target::Target;
use super::Error;
use crate::config::AuditSink;
use crate::vault::{Forwarded, Vault};

/// How long a checkpoint of what has been forwarded, or a sink that failed, is waited for.
const PAUSE: Duration = Duration::from_secs(1);
/// How long the stop of the daemon waits for the last lines.
const LAST: Duration = Duration::from_secs(2);

/// The thread that forwards.
pub(super) struct Sink {
    stop: watch::Sender<bool>,
    ended: mpsc::Receiver<()>,
}

impl Sink {
    pub(super) fn start(vault: &Vault, sink: &AuditSink, state: &Path, handle: Handle) -> Result<Self, Error> {
        let (stop, stopping) = watch::channel(false);
        let (end, ended) = mpsc::channel();
        let place = state.join("sink.json");
        let done = read(&place);
        let mut forwarder =
            Forwarder { vault: vault.clone(), target: Target::new(sink), place, done, failing: false, stopping };
        let run = move || {
            forwarder.run(&handle);
            drop(forwarder);
            // Nobody listens any more if the daemon has not waited for it.
            let _ = end.send(());
        };
        thread::Builder::new().name("audit-sink".to_owned()).spawn(run).map_err(Error::Runtime)?;
        Ok(Self { stop, ended })
    }

    /// Forwards what is there, if the sink takes it soon. What it doesn't is forwarded after the next start.
    pub(super) fn stop(self) {
        let _ = self.stop.send(true);
        if self.ended.recv_timeout(LAST).is_err() {
            tracing::warn!("the audit sink is behind: it goes on at the next start");
        }
    }
}

/// Makes the folder of a file that lines will go to; the file. What can't be made is said when it is to be written.
pub(super) fn prepare(sink: &AuditSink) -> Option<&Path> {
    let AuditSink::File(path) = sink else { return None };
    if let Some(folder) = path.parent() {
        let _ = fs::create_dir_all(folder);
    }
    Some(path)
}

struct Forwarder {
    vault: Vault,
    target: Target,
    place: PathBuf,
    done: Forwarded,
    failing: bool,
    stopping: watch::Receiver<bool>,
}

impl Forwarder {
    fn run(&mut self, handle: &Handle) {
        let mut growth = self.vault.log_growth();
        loop {
            // Asked before: what was recorded until then is forwarded.
            let stopping = *self.stopping.borrow();
            let result = self.forward(handle);
            if stopping {
                return;
            }
            self.report(&result);
            let behind = result.is_err() || self.done.checkpoints < self.done.entries;
            handle.block_on(async {
                let pause =
                    async { if behind { tokio::time::sleep(PAUSE).await } else { std::future::pending().await } };
                tokio::select! {
                    _ = growth.changed(), if result.is_ok() => {}
                    () = pause => {}
                    _ = self.stopping.changed() => {}
                }
            });
        }
    }

    /// Everything that there is now.
    fn forward(&mut self, handle: &Handle) -> io::Result<()> {
        loop {
            let (lines, done) = handle.block_on(self.vault.lines_after(self.done)).map_err(io::Error::other)?;
            if lines.is_empty() {
                self.done = done;
                return Ok(());
            }
            self.target.write(&lines)?;
            self.done = done;
            // If this fails, or is lost, lines come twice; none is left out.
            if let Err(error) = write(&self.place, self.done) {
                tracing::debug!(error = error.to_string(), "the place in the audit sink can't be kept");
            }
        }
    }

    /// Says once that the sink fails, and once that it no longer does.
    fn report(&mut self, result: &io::Result<()>) {
        match result {
            Err(error) if !self.failing => {
                tracing::error!(error = error.to_string(), "the audit sink can't be written");
            }
            Ok(()) if self.failing => tracing::info!("the audit sink is written again"),
            _ => {}
        }
        self.failing = result.is_err();
    }
}

/// From the beginning, if the place is not known: better twice than not at all.
fn read(place: &Path) -> Forwarded {
    fs::read(place).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
}

/// Never half of it: written beside its name, then put in its place.
fn write(place: &Path, done: Forwarded) -> io::Result<()> {
    let draft = place.with_extension("draft");
    fs::write(&draft, serde_json::to_vec(&done)?)?;
    fs::rename(draft, place)
}
