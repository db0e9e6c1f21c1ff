//! What a container's secret costs an engine's user: podman's whole `run`, with our ways and with podman's own.
//!
//! podman's `--secret type=env` is the peer: it keeps the value in its storage, in the clear. Each round runs one container
//! each way, in an order that turns from round to round, so that whatever else the machine does meets them all. Then a
//! hundred runs at once, with the shim and without, the same way; and fifty of `docker run`.
//!
//! `cargo bench --bench engines -- docker` measures only what is named, of `podman` and `docker`.
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
const DOCKERS_AT_ONCE: usize = 50;
const ROUNDS_AT_ONCE: usize = 3;
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
    if is_wanted("podman") {
        podman();
    }
    if is_wanted("docker") {
        docker();
    }
}

fn podman() {
    println!("podman run, milliseconds; ratios to podman and the runtime alone");
    println!("{:8}  {:<28}  {:>8}  {:>8}  {:>12}  {:>5}", "runtime", "way", "median", "p10", "added median", "ratio");
    for kind in [Kind::Runc, Kind::Crun] {
        let folder = temporary_folder();
        let daemon = Daemon::start(folder.path());
        let settings = ShimSettings { program: released_shim(), socket: daemon.socket(), deadline: "30s" };
        let podman = Podman::new(Site::new(folder, kind, Some(&settings)));
        let ways = ways(&podman, &daemon);
        for way in &ways {
            check(&podman, way);
        }
        one_after_another(&podman, &ways);
        let (without, with) = (&ways[0], &ways[3]);
        let what = format!("{:8}  {AT_ONCE} at once, {} and {}", kind.name(), without.name, with.name);
        at_once(&what, AT_ONCE, [&|| run(&podman, without), &|| run(&podman, with)]);
    }
}

fn docker() {
    let folder = temporary_folder();
    let daemon = Daemon::start(folder.path());
    let settings = ShimSettings { program: released_shim(), socket: daemon.socket(), deadline: "30s" };
    let docker = Docker::new(Site::new(folder, Kind::Runc, Some(&settings)));
    let id = daemon.cli().add(VALUE);
    let plain = Request::new(&["true"]);
    let asking = plain.clone().env("A", &format!("ampoule://{id}"));
    let what = format!("docker    {DOCKERS_AT_ONCE} at once, no secret and the shim, one secret");
    at_once(
        &what,
        DOCKERS_AT_ONCE,
        [
            &|| {
                docker.launch_on("runc", &["run", "--rm"], &plain).ok();
            },
            &|| {
                docker.launch(&["run", "--rm"], &asking).ok();
            },
        ],
    );
}

fn ways(podman: &Podman, daemon: &Daemon) -> Vec<Way> {
    let site = podman.site();
    let file = site.folder().join("value");
    fs::write(&file, VALUE).expect("value");
    podman.call(&["secret", "create", "db", file.to_str().expect("UTF-8")]).ok();
    let id = daemon.cli().add(VALUE);
    let bare = site.kind.program().display().to_string();
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

fn one_after_another(podman: &Podman, ways: &[Way]) {
    let mut times = vec![Vec::new(); ways.len()];
    for round in 0..ROUNDS {
        for place in 0..ways.len() {
            let way = (round + place) % ways.len();
            times[way].push(milliseconds(|| run(podman, &ways[way])));
        }
    }
    let alone = Sample::new(times[0].iter().copied()).median();
    for (way, times) in ways.iter().zip(times) {
        let times = Sample::new(times);
        println!(
            "{:8}  {:<28}  {:>8.1}  {:>8.1}  {:>12.1}  {:>5.2}",
            podman.site().kind.name(),
            way.name,
            times.median(),
            times.percentile(10),
            times.median() - alone,
            times.median() / alone
        );
    }
}

fn at_once(what: &str, count: usize, ways: [&(dyn Fn() + Sync); 2]) {
    let all = |way: &(dyn Fn() + Sync)| {
        milliseconds(|| thread::scope(|scope| (0..count).for_each(|_| drop(scope.spawn(way)))))
    };
    let mut times = [Vec::new(), Vec::new()];
    for round in 0..ROUNDS_AT_ONCE {
        for place in 0..ways.len() {
            let way = (round + place) % ways.len();
            times[way].push(all(ways[way]));
        }
    }
    let [without, with] = times.map(|times| Sample::new(times).median());
    println!("{what}: {without:.0} ms and {with:.0} ms, ratio {:.3}", with / without);
}
