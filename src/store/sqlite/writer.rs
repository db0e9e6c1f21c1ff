//! The writer thread and its group commit.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::{oneshot, watch};

use super::convert::store_error;
use super::state::{self, Attested};
use super::{SqliteTx, tree};
use crate::audit::Frontier;
use crate::domain::{Timestamp, VaultId};
use crate::seal::LogSeal;
use crate::store::{Recorded, StoreError, WriteJob};

/// The most jobs that share a commit: bounds how long the first of them waits.
const BATCH: usize = 256;
/// How long the writer must have been idle before it clears the write-ahead log of destroyed keys.
const IDLE: Duration = Duration::from_millis(200);
/// How long destroyed keys may stay there if it never is.
const BUSY: Duration = Duration::from_secs(5);
/// How long it then waits for readers before it goes on, and how long until it tries again.
const READERS: Duration = Duration::from_millis(20);
const AGAIN: Duration = Duration::from_millis(500);

type Reply = oneshot::Sender<Result<Recorded, StoreError>>;

struct Work {
    job: WriteJob,
    reply: Reply,
}

/// What the thread is told.
enum Task {
    Work(Work),
    Attest { seal: LogSeal, vouched: bool, reply: oneshot::Sender<Result<Option<String>, StoreError>> },
}

/// The one thread that writes. Dropping it finishes what has been submitted.
pub(super) struct Writer {
    queue: Option<mpsc::Sender<Task>>,
    growth: watch::Receiver<u64>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(connection: Connection, path: &Path, vault: VaultId) -> Result<Self, StoreError> {
        let failed = |error| store_error(path, &error);
        let last = last_time(&connection).map_err(failed)?;
        let tree = tree::size(&connection).and_then(|size| Frontier::load(&mut tree::Kept(&connection), size));
        let tree = tree.map_err(failed)?;
        let (queue, work) = mpsc::channel();
        let (growth, grown) = watch::channel(tree.size());
        // A daemon that was killed may have left destroyed keys in the write-ahead log.
        let (path_of_state, scrub) = (path.to_owned(), Some(Instant::now() + BUSY));
        let mut state = State { connection, path: path_of_state, vault, last, tree, growth, scrub, attested: None };
        let thread = thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || state.serve(&work))
            .map_err(|error| StoreError::Unavailable { path: path.to_owned(), reason: error.to_string() })?;
        Ok(Self { queue: Some(queue), growth: grown, thread: Some(thread) })
    }

    pub(super) fn growth(&self) -> watch::Receiver<u64> {
        self.growth.clone()
    }

    pub(super) fn submit(&self, job: WriteJob, reply: Reply) -> Result<(), StoreError> {
        self.send(Task::Work(Work { job, reply }))
    }

    pub(super) fn attest(
        &self,
        seal: LogSeal,
        vouched: bool,
        reply: oneshot::Sender<Result<Option<String>, StoreError>>,
    ) -> Result<(), StoreError> {
        self.send(Task::Attest { seal, vouched, reply })
    }

    fn send(&self, task: Task) -> Result<(), StoreError> {
        let queue = self.queue.as_ref().ok_or(StoreError::Stopped)?;
        queue.send(task).map_err(|_| StoreError::Stopped)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the writer has been reported by the panic hook.
            let _ = thread.join();
        }
    }
}

struct State {
    connection: Connection,
    path: PathBuf,
    vault: VaultId,
    last: Timestamp,
    tree: Frontier,
    growth: watch::Sender<u64>,
    /// When it must be cleared at last, if it holds destroyed keys.
    scrub: Option<Instant>,
    attested: Option<Attested>,
}

impl State {
    fn serve(&mut self, work: &Receiver<Task>) {
        loop {
            let first = match self.scrub {
                Some(_) => work.recv_timeout(IDLE),
                None => work.recv().map_err(RecvTimeoutError::from),
            };
            match first {
                Ok(first) => self.take(first, work),
                Err(RecvTimeoutError::Timeout) => self.clear_log(),
                Err(RecvTimeoutError::Disconnected) => return self.clear_log(),
            }
            // Who never lets it idle must not keep what was destroyed.
            if self.scrub.is_some_and(|latest| latest <= Instant::now()) {
                self.clear_log();
            }
        }
    }

    /// Does what is waiting.
    fn take(&mut self, first: Task, work: &Receiver<Task>) {
        let (mut batch, mut last) = (Vec::new(), None);
        for task in std::iter::once(first).chain(work.try_iter().take(BATCH - 1)) {
            match task {
                Task::Work(work) => batch.push(work),
                Task::Attest { seal, vouched, reply } => {
                    last = Some((seal, vouched, reply));
                    break;
                }
            }
        }
        if !batch.is_empty() {
            self.commit(batch);
        }
        if let Some((seal, vouched, reply)) = last {
            let _ = reply.send(self.attest(seal, vouched));
        }
    }

    fn attest(&mut self, seal: LogSeal, vouched: bool) -> Result<Option<String>, StoreError> {
        let attested = state::attest(&mut self.connection, self.vault, &self.tree, seal, vouched);
        match attested.map_err(|error| store_error(&self.path, &error))? {
            Ok(attested) => {
                self.attested = Some(attested);
                Ok(None)
            }
            Err(reason) => Ok(Some(reason)),
        }
    }

    /// Runs every job of a batch, syncs once, then answers everyone.
    fn commit(&mut self, batch: Vec<Work>) {
        let (jobs, replies): (Vec<_>, Vec<_>) = batch.into_iter().map(|work| (work.job, work.reply)).unzip();
        let results = match self.run(jobs) {
            Ok(results) => results,
            Err(error) => {
                let reason = error.to_string();
                tracing::error!(error = reason, "commit failed");
                replies.iter().map(|_| Err(store_error(&self.path, &error))).collect()
            }
        };
        for (reply, result) in replies.into_iter().zip(results) {
            // A caller that has gone away no longer wants its answer; the entry stands all the same.
            let _ = reply.send(result);
        }
    }

    /// Runs every job in one transaction; if that fails, nothing of it stays.
    fn run(&mut self, jobs: Vec<WriteJob>) -> rusqlite::Result<Vec<Result<Recorded, StoreError>>> {
        step(&self.connection, "BEGIN IMMEDIATE")?;
        let done = self.run_inside(jobs);
        if done.is_err() && !self.connection.is_autocommit() {
            // If that fails too, the next BEGIN says so.
            let _ = step(&self.connection, "ROLLBACK");
        }
        done
    }

    fn run_inside(&mut self, jobs: Vec<WriteJob>) -> rusqlite::Result<Vec<Result<Recorded, StoreError>>> {
        // A clock that is set back must not order the log against itself.
        let now = micros(Timestamp::now()).max(self.last);
        let tx = &self.connection;
        let mut tree = self.tree.clone();
        let (mut steps, mut scrub) = (Vec::new(), false);
        let mut results = Vec::with_capacity(jobs.len());
        for job in jobs {
            step(tx, "SAVEPOINT job")?;
            let mut scope = SqliteTx {
                tx,
                path: &self.path,
                vault: self.vault,
                now,
                tree: tree.clone(),
                opens: Vec::new(),
                steps: Vec::new(),
                destroyed: false,
            };
            let result = job(&mut scope);
            let SqliteTx { tree: grown, opens, steps: taken, destroyed, .. } = scope;
            match result {
                Ok(()) => {
                    step(tx, "RELEASE job")?;
                    tree = grown;
                    steps.extend(taken);
                    scrub |= destroyed;
                    results.push(Ok(Recorded::new(opens)));
                }
                Err(error) => {
                    step(tx, "ROLLBACK TO job")?;
                    step(tx, "RELEASE job")?;
                    results.push(Err(error));
                }
            }
        }
        let changes = self.attested.as_ref().map(|attested| attested.after(&steps));
        if let Some((attested, changes)) = self.attested.as_ref().zip(changes) {
            attested.keep(tx, self.tree.size(), &tree, changes)?;
        }
        step(tx, "COMMIT")?;
        if let Some((attested, changes)) = self.attested.as_mut().zip(changes) {
            attested.advance(changes);
        }
        if scrub && self.scrub.is_none() {
            self.scrub = Some(Instant::now() + BUSY);
        }
        self.last = now;
        self.tree = tree;
        let size = self.tree.size();
        self.growth.send_if_modified(|known| std::mem::replace(known, size) != size);
        Ok(results)
    }

    /// Moves the write-ahead log into the database and truncates it: it still holds the keys that were destroyed.
    fn clear_log(&mut self) {
        if self.scrub.is_none() {
            return;
        }
        match self.truncate() {
            // A reader holds it; the next idle moment tries again, or the next batch soon.
            Ok(busy) => self.scrub = busy.then(|| Instant::now() + AGAIN),
            Err(error) => tracing::warn!(error = error.to_string(), "the write-ahead log can't be cleared yet"),
        }
    }

    /// Whether it could not be done, since somebody reads.
    fn truncate(&self) -> rusqlite::Result<bool> {
        // Callers wait for this as for a commit.
        self.connection.busy_timeout(READERS)?;
        let busy = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, bool>(0));
        self.connection.busy_timeout(super::schema::BUSY)?;
        busy
    }
}

/// One of the statements around each job and each commit; those of rusqlite are compiled anew every time.
///
/// Whatever fails here ends the whole transaction, with the savepoint in it.
fn step(tx: &Connection, statement: &'static str) -> rusqlite::Result<()> {
    tx.prepare_cached(statement)?.execute([])?;
    Ok(())
}

fn last_time(connection: &Connection) -> rusqlite::Result<Timestamp> {
    let last: i64 =
        connection
            .query_row("SELECT coalesce((SELECT at FROM audit ORDER BY idx DESC LIMIT 1), 0)", [], |r| r.get(0))?;
    Timestamp::from_microsecond(last).map_err(|error| super::convert::bad(0, error))
}

/// The store counts in microseconds; what it gives out must equal what it reads back.
fn micros(time: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(time.as_microsecond()).unwrap_or(time)
}
