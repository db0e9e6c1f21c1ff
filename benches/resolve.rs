//! How fast the daemon resolves and creates: one secret a call, its audit entry durable before the answer.
//!
//! The peer is PostgreSQL on the same disk in the same run, doing the least that could be called the same: a stored
//! function that inserts an entry and returns a value, committed before the answer, driven by pgbench. Rounds of both
//! alternate, so that whatever else the machine does meets both.
#![allow(clippy::print_stdout, reason = "what a benchmark finds, it prints")]
#![allow(clippy::cast_precision_loss, reason = "its numbers are far below the 52 bits that a float keeps")]

mod common;
#[allow(dead_code, unused_imports, unused_macros, reason = "made for the tests")]
#[path = "../tests/it/support/mod.rs"]
mod support;

use std::fs;
use std::path::Path;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ampoule_proto::messages::ampoule::v1::{ContainerDescriptor, ResolveRequest, SecretReference};
use ampoule_proto::messages::namespace::cloud::vault::v1beta::CreateObjectRequest;
use ampoule_proto::wire::SecretText;
use buffa::{Message, MessageField};
use serde_json::json;

use common::Sample;
use common::connection::{Connection, post};
use common::postgres::Postgres;
use support::daemon::Daemon;
use support::rig::temporary_folder;
use support::rpc::Rpc;

const CALLERS: [usize; 3] = [1, 8, 32];
const ROUNDS: usize = 3;
const ROUND: Duration = Duration::from_secs(4);
const STARTS: usize = 21;

fn main() {
    let folder = temporary_folder();
    let mut daemon = Daemon::start(folder.path());
    let socket = daemon.socket();
    let request = request(&Rpc::new(&socket).create(&json!({ "value": "a value of some thirty bytes..." })));
    let starts = Sample::new((0..STARTS).map(|_| start(&mut daemon, &request)));
    println!("start to first answer: p10 {:.1} ms, median {:.1} ms", starts.percentile(10), starts.median());
    println!("resident when idle: {:.1} MiB", resident_mib(&daemon));
    let postgres = Postgres::start();
    println!(
        "{:<8}  {:>7}  {:>8}  {:>8}  {:>8}  {:>15}  {:>6}",
        "call", "callers", "calls/s", "p50 us", "p99 us", "PostgreSQL tx/s", "ratio"
    );
    for (name, request) in [("Resolve", &request), ("Create", &create())] {
        for callers in CALLERS {
            let rounds = (0..ROUNDS)
                .map(|_| (measure(&socket, request, callers), postgres.audited_reads_per_second(callers, ROUND)));
            row(name, callers, rounds.collect());
        }
    }
    metrics_under_load(&socket, &request);
    println!("resident afterwards: {:.1} MiB", resident_mib(&daemon));
}

/// Milliseconds from the start of a daemon, the last one having been killed, to its first answer to a Resolve.
fn start(daemon: &mut Daemon, request: &[u8]) -> f64 {
    daemon.kill();
    let started = Instant::now();
    daemon.launch();
    let mut connection = loop {
        if let Ok(connection) = Connection::open(&daemon.socket()) {
            break connection;
        }
        assert!(started.elapsed() < Duration::from_secs(10), "the daemon does not answer");
        thread::sleep(Duration::from_micros(100));
    };
    connection.call(request);
    milliseconds(started.elapsed())
}

/// One round of the daemon.
struct Round {
    rate: f64,
    latencies: Vec<Duration>,
}

fn row(name: &str, callers: usize, rounds: Vec<(Round, f64)>) {
    let rate = Sample::new(rounds.iter().map(|(round, _)| round.rate)).median();
    let peer = Sample::new(rounds.iter().map(|(_, peer)| *peer)).median();
    let latencies = rounds.into_iter().flat_map(|(round, _)| round.latencies);
    let latencies = Sample::new(latencies.map(|latency| milliseconds(latency) * 1e3));
    let (p50, p99, ratio) = (latencies.median(), latencies.percentile(99), rate / peer);
    println!("{name:<8}  {callers:>7}  {rate:>8.0}  {p50:>8.0}  {p99:>8.0}  {peer:>15.0}  {ratio:>6.2}");
}

fn measure(socket: &Path, request: &[u8], callers: usize) -> Round {
    let ready = Barrier::new(callers);
    let caller = || {
        let mut connection = Connection::open(socket).expect("the daemon listens");
        (0..100).for_each(|_| _ = connection.call(request));
        ready.wait();
        let started = Instant::now();
        let mut latencies = Vec::new();
        while started.elapsed() < ROUND {
            let sent = Instant::now();
            connection.call(request);
            latencies.push(sent.elapsed());
        }
        (started.elapsed(), latencies)
    };
    let done: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..callers).map(|_| scope.spawn(caller)).collect();
        threads.into_iter().map(|thread| thread.join().expect("a caller")).collect()
    });
    let longest = done.iter().map(|(time, _)| *time).max().expect("a caller");
    let latencies: Vec<_> = done.into_iter().flat_map(|(_, latencies)| latencies).collect();
    Round { rate: latencies.len() as f64 / longest.as_secs_f64(), latencies }
}

/// How long a scrape of the metrics takes while 32 callers resolve, and what ten scrapes a second cost these.
fn metrics_under_load(socket: &Path, request: &[u8]) {
    const SCRAPE: &[u8] = b"GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let done = &AtomicBool::new(false);
    let scrapes = || {
        let mut connection = Connection::open(socket).expect("the daemon listens");
        let mut latencies = Vec::new();
        while !done.load(Ordering::Relaxed) {
            let sent = Instant::now();
            connection.call(SCRAPE);
            latencies.push(milliseconds(sent.elapsed()));
            thread::sleep(Duration::from_millis(100));
        }
        latencies
    };
    let rate = || measure(socket, request, CALLERS[2]).rate;
    let (mut with, mut without, mut latencies) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        without.push(rate());
        done.store(false, Ordering::Relaxed);
        latencies.extend(thread::scope(|scope| {
            let scraping = scope.spawn(scrapes);
            with.push(rate());
            done.store(true, Ordering::Relaxed);
            scraping.join().expect("scrapes")
        }));
    }
    let (with, without) = (Sample::new(with).median(), Sample::new(without).median());
    let latencies = Sample::new(latencies);
    println!(
        "metrics under 32 callers: p50 {:.1} ms, p99 {:.1} ms; {with:.0} Resolve/s with ten scrapes a second, {without:.0} without: ratio {:.2}",
        latencies.median(),
        latencies.percentile(99),
        with / without
    );
}

/// A secret such as people store.
fn create() -> Vec<u8> {
    let message = CreateObjectRequest {
        description: "the web's database".to_owned(),
        value: SecretText::from("a value of some thirty bytes..."),
        ..CreateObjectRequest::default()
    };
    post("namespace.cloud.vault.v1beta.VaultService/CreateObject", "proto", &message.encode_to_vec())
}

/// One reference, from a container such as podman makes.
fn request(id: &str) -> Vec<u8> {
    let container = ContainerDescriptor {
        id: "2f4a1c9be3d0".repeat(5),
        bundle: "/var/lib/containers/storage/overlay-containers/2f4a/userdata".to_owned(),
        engine: "podman".to_owned(),
        pid: 4242,
        ..ContainerDescriptor::default()
    };
    let reference =
        SecretReference { name: "DATABASE_URL".to_owned(), object_id: id.to_owned(), ..SecretReference::default() };
    let message = ResolveRequest {
        container: MessageField::some(container),
        references: vec![reference],
        ..ResolveRequest::default()
    };
    post("ampoule.v1.InjectionService/Resolve", "proto", &message.encode_to_vec())
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// The resident set, as `/proc` tells it.
fn resident_mib(daemon: &Daemon) -> f64 {
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.pid())).expect("the daemon runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    let kib: f64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
    kib / 1024.0
}
