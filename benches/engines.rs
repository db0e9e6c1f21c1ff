//! What a container's secret costs an engine's user: podman's whole `run`, with our ways and with podman's own.
//!
//! podman's `--secret type=env` is the peer: it keeps the value in its storage, in the clear. Each round runs one container
//! each way, in an order that turns from round to round, so that whatever else the machine does meets them all. Then a
//! hundred runs at once, the same way. So does Docker, which has no such secrets outside a swarm.
//!
//! `cargo bench --bench engines -- docker` measures only what is named, of `runc` and `crun`, by podman, and `docker`; a way
//! that is named too, as in `-- runc 'the shim, one secret'`, is compared with the runtime alone and with nothing else, in
//! more rounds.
#![allow(clippy::print_stdout, reason = "what a benchmark finds, it prints")]

mod common;
#[allow(dead_code, unused_imports, unused_macros, reason = "made for the tests")]
#[path = "../tests/it/support/mod.rs"]
mod support;

use std::fs;
use std::thread;
use std::time::Instant;

use common::{Sample, released_shim};
use support::bundle::Request;
use support::daemon::Daemon;
use support::engine::{Docker, Engine, Kind, Podman, ShimSettings, Site};
use support::rig::temporary_folder;

const ROUNDS: usize = 40;
const AT_ONCE: usize = 100;
/// Of a hundred each: the fewer ways there are, the more rounds.
const BATCHES: usize = 64;
/// What can be named.
const ENGINES: [&str; 3] = ["runc", "crun", "docker"];
const VALUE: &str = "a value of some thirty bytes...";

/// A way to start the container.
struct Way {
    name: &'static str,
    /// Of podman's command line, up to `run` and its options.
    command: Vec<String>,
    request: Request,
    /// Whether the container is to have the value.
    secret: bool,
}

fn main() {
    let named: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let is_wanted = |name: &str| named.is_empty() || named.iter().any(|other| other == name);
    let ways: Vec<&str> = named.iter().map(String::as_str).filter(|name| !ENGINES.contains(name)).collect();
    println!("one `run` after another, and {AT_ONCE} at once, milliseconds; ratios to the runtime alone");
    println!(
        "{:8}  {:<26}  {:>7}  {:>7}  {:>5}  {:>8}  {:>5}",
        "engine", "way", "median", "p10", "ratio", "at once", "ratio"
    );
    for kind in [Kind::Runc, Kind::Crun].into_iter().filter(|kind| is_wanted(kind.name())) {
        podman(kind, &ways);
    }
    if is_wanted("docker") {
        docker(&ways);
    }
}

fn podman(kind: Kind, wanted: &[&str]) {
    let folder = temporary_folder();
    let daemon = Daemon::start(folder.path());
    let settings = ShimSettings { program: released_shim(), socket: daemon.socket(), deadline: "30s" };
    let podman = Podman::new(Site::new(folder, kind, Some(&settings)));
    let ways = ways(&podman, &daemon);
    for way in &ways {
        check(&podman, way);
    }
    let runs: Vec<_> = ways.iter().map(|way| (way.name, || run(&podman, way))).collect();
    table(kind.name(), &runs, wanted);
}

fn docker(wanted: &[&str]) {
    let folder = temporary_folder();
    let daemon = Daemon::start(folder.path());
    let settings = ShimSettings { program: released_shim(), socket: daemon.socket(), deadline: "30s" };
    let docker = Docker::new(Site::new(folder, Kind::Runc, Some(&settings)));
    let id = daemon.cli().add(VALUE);
    let plain = Request::new(&["true"]);
    let asking = plain.clone().env("A", &format!("ampoule://{id}"));
    let runs: [(&str, &(dyn Fn() + Sync)); 3] = [
        ("no secret", &|| drop(docker.launch_on("runc", &["run", "--rm"], &plain).ok())),
        ("the shim, no secret", &|| drop(docker.launch(&["run", "--rm"], &plain).ok())),
        ("the shim, one secret", &|| drop(docker.launch(&["run", "--rm"], &asking).ok())),
    ];
    table("docker", &runs, wanted);
}

fn ways(podman: &Podman, daemon: &Daemon) -> Vec<Way> {
    let site = podman.site();
    let file = site.folder().join("value");
    fs::write(&file, VALUE).expect("value");
    podman.call(&["secret", "create", "db", file.to_str().expect("UTF-8")]).ok();
    let id = daemon.cli().add(VALUE);
    // By its name: podman knows of few paths what their programs can.
    let bare = site.kind.name().to_owned();
    let own = podman.runtime_name();
    let command = |runtime: &str, options: &[&str]| {
        [&["--runtime", runtime, "run", "--rm"], options].concat().into_iter().map(str::to_owned).collect()
    };
    let plain = || Request::new(&["true"]);
    let asking = plain().env("A", &format!("ampoule://{id}"));
    vec![
        Way { name: "no secret", command: command(&bare, &[]), request: plain(), secret: false },
        Way {
            name: "podman's --secret type=env",
            command: command(&bare, &["--secret", "db,type=env,target=A"]),
            request: plain(),
            secret: true,
        },
        Way { name: "the shim, no secret", command: command(&own, &[]), request: plain(), secret: false },
        Way { name: "the shim, one secret", command: command(&own, &[]), request: asking, secret: true },
    ]
}

/// What is measured must be what it says.
fn check(podman: &Podman, way: &Way) {
    let args = ["cat", "/proc/self/environ"].map(str::to_owned).into();
    let ran = podman.launch(&strs(&way.command), &Request { args, ..way.request.clone() }).ok();
    assert_eq!(ran.out().contains(&format!("A={VALUE}\0")), way.secret, "{}: {}", way.name, ran.out());
}

fn run(podman: &Podman, way: &Way) {
    podman.launch(&strs(&way.command), &way.request).ok();
}

fn strs(words: &[String]) -> Vec<&str> {
    words.iter().map(String::as_str).collect()
}

fn milliseconds(run: impl FnOnce()) -> f64 {
    let started = Instant::now();
    run();
    started.elapsed().as_secs_f64() * 1e3
}

/// A row for each way that is wanted, and the first, which is what the others are compared with.
fn table(engine: &str, ways: &[(&str, impl Fn() + Sync)], wanted: &[&str]) {
    let is_wanted =
        |(place, (name, _)): &(usize, &(&str, _))| *place == 0 || wanted.is_empty() || wanted.contains(name);
    let ways: Vec<_> = ways.iter().enumerate().filter(is_wanted).map(|(_, way)| way).collect();
    let alone = in_turn(ways.len(), ROUNDS, |way| ways[way].1());
    let at_once = in_turn(ways.len(), BATCHES / ways.len(), |way| {
        thread::scope(|scope| (0..AT_ONCE).for_each(|_| drop(scope.spawn(&ways[way].1))));
    });
    for (way, (name, _)) in ways.iter().enumerate() {
        let (own, together) = (Sample::new(alone[way].clone()), Sample::new(at_once[way].clone()));
        println!(
            "{engine:8}  {name:<26}  {:>7.1}  {:>7.1}  {:>5.3}  {:>8.0}  {:>5.3}",
            own.median(),
            own.percentile(10),
            ratio(&alone[way], &alone[0]),
            together.median(),
            ratio(&at_once[way], &at_once[0])
        );
    }
}

/// The median of what each round has: a machine that gets slower meanwhile does so for both.
fn ratio(own: &[f64], first: &[f64]) -> f64 {
    Sample::new(own.iter().zip(first).map(|(own, first)| own / first)).median()
}

/// How long each way took, the one that begins being another each round, and every second round the other way round: none
/// comes after the same one each time.
fn in_turn(ways: usize, rounds: usize, run: impl Fn(usize)) -> Vec<Vec<f64>> {
    let mut times = vec![Vec::new(); ways];
    for round in 0..rounds {
        for place in 0..ways {
            let place = if round % 2 == 0 { place } else { ways - 1 - place };
            let way = (round / 2 + place) % ways;
            times[way].push(milliseconds(|| run(way)));
        }
    }
    times
}
