//! `kill -9` of the daemon at random moments.

mod change;
mod writer;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use self::change::{Change, each_row_has_its_entry};
use self::writer::Writer;
use crate::support::daemon::Daemon;
use crate::support::process::wait_until;
use crate::support::random::{random_below, random_time};
use crate::support::rig::temporary_folder;
use crate::support::rpc::Rpc;

const WRITERS: usize = 32;
const ROUNDS: usize = 200;
const FIRST_STARTS: usize = 100;

/// Whatever was acknowledged is there after the restart, whole and with its entry in the log; what was not is there
/// as a whole or not at all.
#[test]
fn kill_9_under_32_writers_loses_nothing_that_was_acknowledged() {
    let folder = temporary_folder();
    let mut daemon = Daemon::start(folder.path());
    let mut writers: Vec<Writer> = (0..WRITERS).map(Writer::new).collect();
    let mut seen = Seen::default();
    for round in 0..ROUNDS {
        write_until_killed(&mut daemon, &mut writers);
        if round % 4 == 0 {
            // Recovery itself is cut short.
            daemon.launch();
            thread::sleep(random_time(0..30));
            daemon.kill();
        }
        daemon.launch();
        daemon.wait_ready();
        seen.settle(&daemon, &mut writers);
        at_once(&daemon, &mut writers, Writer::check);
    }
    at_once(&daemon, &mut writers, |writer, rpc| writer.check_everything(rpc));
    daemon.kill();
    each_row_has_its_entry(&daemon.state().join("vault.db"));
    assert!(seen.acknowledged > ROUNDS, "too few writes to show anything: {seen:?}");
    assert!(seen.unanswered_done > 0 && seen.unanswered_lost > 0, "the moments are badly chosen: {seen:?}");
}

/// A first start makes the keys and the database: wherever it is cut short, the next one completes it.
#[test]
fn kill_9_of_a_first_start() {
    let usual = usual_first_start();
    let mut cut_short = 0;
    for _ in 0..FIRST_STARTS {
        let folder = temporary_folder();
        let mut daemon = Daemon::stopped(folder.path());
        daemon.launch();
        thread::sleep(usual * random_below(110) / 100);
        daemon.kill();
        cut_short += usize::from(!daemon.log_text().contains("ready"));
        daemon.launch();
        daemon.wait_ready();
        let mut rpc = Rpc::new(&daemon.socket());
        let id = rpc.create(&json!({ "value": "the first" }));
        assert_eq!(rpc.resolve(&id).as_deref(), Ok("the first"));
    }
    assert!(
        cut_short > FIRST_STARTS / 5,
        "only {cut_short} of {FIRST_STARTS} first starts were cut short: the moments are badly chosen"
    );
}

/// The time of an undisturbed one here, so that the moments of killing are spread over it.
fn usual_first_start() -> Duration {
    let folder = temporary_folder();
    let started = Instant::now();
    let _daemon = Daemon::start(folder.path());
    started.elapsed()
}

/// The moment is counted in writes, so that it doesn't depend on the speed of the disk.
fn write_until_killed(daemon: &mut Daemon, writers: &mut [Writer]) {
    let acknowledged = &AtomicU32::new(0);
    thread::scope(|scope| {
        for writer in writers {
            let mut rpc = Rpc::new(&daemon.socket());
            scope.spawn(move || writer.write(&mut rpc, acknowledged));
        }
        let enough = random_below(250);
        wait_until("the writers have written", || acknowledged.load(Ordering::Relaxed) >= enough);
        thread::sleep(random_time(0..5));
        daemon.kill();
    });
}

fn at_once(daemon: &Daemon, writers: &mut [Writer], job: fn(&mut Writer, &mut Rpc)) {
    thread::scope(|scope| {
        for writer in writers {
            let mut rpc = Rpc::new(&daemon.socket());
            scope.spawn(move || job(writer, &mut rpc));
        }
    });
}

/// How far the log has been read, and what became of the writes.
#[derive(Debug, Default)]
struct Seen {
    next_index: u64,
    acknowledged: usize,
    unanswered_done: usize,
    unanswered_lost: usize,
}

impl Seen {
    /// Matches the log's new changes with what the writers know: what was acknowledged must be there, what else is
    /// there must have been asked for.
    fn settle(&mut self, daemon: &Daemon, writers: &mut [Writer]) {
        let mut rpc = Rpc::new(&daemon.socket());
        let (entries, next_index) = rpc.audit(self.next_index, "");
        self.next_index = next_index;
        let mut logged = BTreeSet::new();
        for change in entries.iter().filter_map(Change::of_entry) {
            assert!(logged.insert(change.clone()), "in the log twice: {change:?}");
        }
        for writer in &mut *writers {
            self.acknowledged += writer.find_acknowledged(&mut logged);
        }
        for change in &logged {
            let made = change.action == "vault.object.create";
            let value = made.then(|| rpc.resolve(&change.id).unwrap_or_else(|error| panic!("{error}")));
            let explained = writers.iter_mut().any(|writer| writer.explains(change, value.as_deref()));
            assert!(explained, "in the log, but nobody asked for it: {change:?}");
        }
        self.unanswered_done += logged.len();
        self.unanswered_lost += writers.iter_mut().map(Writer::forget_unanswered).filter(|lost| *lost).count();
    }
}
