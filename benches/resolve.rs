//! How fast the daemon resolves: one reference a call, its audit entry durable before the answer.
//!
//! The peer is PostgreSQL on the same disk in the same run, doing the least that could be called the same: a stored
//! function that inserts an entry and returns a value, committed before the answer, driven by pgbench.

#![allow(clippy::print_stdout, reason = "what a benchmark finds, it prints")]
#![allow(clippy::cast_precision_loss, reason = "its numbers are far below the 52 bits that a float keeps")]

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use support::{Daemon, Postgres, percentile, resident_kib};

const CALLERS: [usize; 3] = [1, 8, 32];
const CALLS: usize = 60_000;

fn main() {
    let daemon = Daemon::start();
    println!("daemon start to first answer: {:.1} ms", daemon.start.as_secs_f64() * 1e3);
    println!("idle resident set: {:.1} MiB", resident_kib(daemon.pid()) as f64 / 1024.0);
    let id = daemon.add_secret("a value of some thirty bytes...");
    let postgres = Postgres::start();
    println!(
        "{:>7}  {:>10}  {:>10}  {:>10}  {:>14}  {:>6}",
        "callers", "calls/s", "p50 us", "p99 us", "postgres tx/s", "ratio"
    );
    for callers in CALLERS {
        let calls = CALLS / if callers == 1 { 8 } else { 1 };
        let run = measure(&daemon.socket, &id, callers, calls);
        let peer = postgres.audited_reads_per_second(callers);
        println!(
            "{callers:>7}  {:>10.0}  {:>10.0}  {:>10.0}  {peer:>14.0}  {:>6.2}",
            run.rate,
            run.p50.as_secs_f64() * 1e6,
            run.p99.as_secs_f64() * 1e6,
            run.rate / peer
        );
    }
    println!("resident set afterwards: {:.1} MiB", resident_kib(daemon.pid()) as f64 / 1024.0);
}

struct Run {
    rate: f64,
    p50: Duration,
    p99: Duration,
}

fn measure(socket: &Path, id: &str, callers: usize, calls: usize) -> Run {
    let request = request(id);
    let each = calls / callers;
    let ready = Barrier::new(callers + 1);
    let (started, mut latencies) = thread::scope(|scope| {
        let threads: Vec<_> = (0..callers)
            .map(|_| {
                scope.spawn(|| {
                    let mut connection = Connection::open(socket);
                    (0..100).for_each(|_| connection.call(&request));
                    ready.wait();
                    let one = |_| {
                        let start = Instant::now();
                        connection.call(&request);
                        start.elapsed()
                    };
                    (0..each).map(one).collect::<Vec<_>>()
                })
            })
            .collect();
        ready.wait();
        let started = Instant::now();
        let latencies: Vec<_> = threads.into_iter().flat_map(|thread| thread.join().expect("a caller")).collect();
        (started.elapsed(), latencies)
    });
    latencies.sort_unstable();
    Run {
        rate: latencies.len() as f64 / started.as_secs_f64(),
        p50: percentile(&latencies, 50),
        p99: percentile(&latencies, 99),
    }
}

/// A Connect unary call with one reference, in binary.
fn request(id: &str) -> Vec<u8> {
    use ampoule_proto::messages::ampoule::v1::{ContainerDescriptor, ResolveRequest, SecretReference};
    use buffa::{Message, MessageField};
    let container = ContainerDescriptor {
        id: "2f4a1c9be3d0".repeat(5),
        bundle: "/var/lib/containers/storage/overlay-containers/2f4a/userdata".to_owned(),
        engine: "podman".to_owned(),
        pid: 4242,
        ..ContainerDescriptor::default()
    };
    let reference =
        SecretReference { name: "DATABASE_URL".to_owned(), object_id: id.to_owned(), ..SecretReference::default() };
    let body = ResolveRequest { container: MessageField::some(container), references: vec![reference] }.encode_to_vec();
    let head = format!(
        "POST /ampoule.v1.InjectionService/Resolve HTTP/1.1\r\nhost: localhost\r\nconnect-protocol-version: 1\r\n\
         content-type: application/proto\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), &body].concat()
}

struct Connection {
    reader: BufReader<UnixStream>,
    line: String,
    body: Vec<u8>,
}

impl Connection {
    fn open(socket: &Path) -> Self {
        let stream = UnixStream::connect(socket).expect("the daemon listens");
        Self { reader: BufReader::new(stream), line: String::new(), body: Vec::new() }
    }

    fn call(&mut self, request: &[u8]) {
        self.reader.get_mut().write_all(request).expect("sent");
        self.header();
        assert!(self.line.starts_with("HTTP/1.1 200"), "{}", self.line);
        let mut length = 0;
        while self.header() > 2 {
            if let Some(value) = self.line.strip_prefix("content-length:") {
                length = value.trim().parse().expect("a length");
            }
        }
        self.body.resize(length, 0);
        self.reader.read_exact(&mut self.body).expect("the body");
    }

    fn header(&mut self) -> usize {
        self.line.clear();
        self.reader.read_line(&mut self.line).expect("a line")
    }
}
