//! How long it takes to hear of fifty containers that run: of all of them, and of one.
//!
//! The peer is podman, asked in the same rounds about the same containers: `podman ps` and `podman inspect`, each a process of
//! its own, as `ampoule instance list` and `describe` are. A client that keeps a connection needs no process; podman has nothing
//! beside that, so its ratio is to podman's process, too. The daemon looks after the fifty meanwhile, as ever.
#![allow(clippy::print_stdout, reason = "what a benchmark finds, it prints")]

mod common;
#[allow(dead_code, unused_imports, reason = "made for the tests")]
#[path = "../tests/it/instances/host.rs"]
mod host;
#[allow(dead_code, unused_imports, unused_macros, reason = "made for the tests")]
#[path = "../tests/it/support/mod.rs"]
mod support;

use std::thread;
use std::time::Instant;

use serde_json::{Value, json};

use common::{Sample, released_shim};
use host::{Host, id, printing};
use support::rpc::Rpc;

const MANY: usize = 50;
const ROUNDS: usize = 100;
/// What nobody shall wait longer for, in milliseconds.
const ENOUGH: f64 = 50.0;

fn main() {
    let host: Host = Host::start_behind(released_shim(), &json!({}), &json!({}), |_| {});
    let secret = host.cli().add("alpha");
    let started = Instant::now();
    let ids = each(&|_| id(&host.run(&request(&secret))));
    println!("{MANY} instances at once, from nothing to RUNNING: {:.1} s", started.elapsed().as_secs_f64());
    let names = host.containers();
    assert_eq!(names.len(), MANY, "all of them run");
    measure(&host, &ids, &names);
    let started = Instant::now();
    each(&|place| {
        host.destroy(&ids[place]);
        String::new()
    });
    println!("destroyed, all at once: {:.1} s", started.elapsed().as_secs_f64());
    assert_eq!(host.containers(), [""; 0], "nothing is left");
}

/// One that has a secret and ends when it is asked to.
fn request(secret: &str) -> Value {
    let mut container = printing("A", secret);
    container["args"] = json!(["sh", "-c", "trap exit TERM; while :; do sleep 1000 & wait; done"]);
    json!({"containers": [container], "labels": [{"name": "crowd", "value": "yes"}]})
}

fn each(work: &(dyn Fn(usize) -> String + Sync)) -> Vec<String> {
    thread::scope(|scope| {
        let threads: Vec<_> = (0..MANY).map(|place| scope.spawn(move || work(place))).collect();
        threads.into_iter().map(|thread| thread.join().expect("it works")).collect()
    })
}

fn measure(host: &Host, ids: &[String], names: &[String]) {
    let mut rpc = Rpc::new(&host.daemon.socket());
    let cli = host.cli();
    let mut call = |method: &str, request: &Value| {
        rpc.call(&format!("namespace.cloud.compute.v1beta.ComputeService/{method}"), request).expect("an answer")
    };
    let mut times: [Vec<f64>; 6] = Default::default();
    for round in 0..ROUNDS {
        let (id, name) = (&ids[round % MANY], &names[round % MANY]);
        times[0].push(milliseconds(|| {
            let listed = call("ListInstances", &json!({}))["instances"].as_array().expect("a list").len();
            assert_eq!(listed, MANY);
        }));
        times[1].push(milliseconds(|| {
            assert_eq!(call("DescribeInstance", &json!({"instance_id": id}))["metadata"]["status"], "RUNNING");
        }));
        times[2].push(milliseconds(|| {
            let listed = cli.run(&["instance", "list"], b"").ok().out();
            assert_eq!(listed.matches("RUNNING").count(), MANY);
        }));
        times[3].push(milliseconds(|| {
            assert!(cli.run(&["instance", "describe", id], b"").ok().out().contains("RUNNING"));
        }));
        times[4].push(milliseconds(|| {
            assert_eq!(host.engine.call(&["ps"]).ok().out().lines().count(), MANY + 1);
        }));
        times[5].push(milliseconds(|| {
            assert!(host.engine.call(&["inspect", name]).ok().out().contains("\"running\""));
        }));
    }
    let samples = times.map(Sample::new);
    println!("{:<28}  {:>8}  {:>8}  {:>8}  {:>14}", "milliseconds", "p50", "p95", "max", "ratio to peer");
    for (place, (name, peer)) in [
        ("list, by the API", Some(4)),
        ("describe, by the API", Some(5)),
        ("ampoule instance list", Some(4)),
        ("ampoule instance describe", Some(5)),
        ("podman ps", None),
        ("podman inspect", None),
    ]
    .into_iter()
    .enumerate()
    {
        let sample = &samples[place];
        let ratio = peer.map_or_else(String::new, |peer| format!("{:.3}", sample.median() / samples[peer].median()));
        let (p50, p95, max) = (sample.median(), sample.percentile(95), sample.percentile(100));
        println!("{name:<28}  {p50:>8.1}  {p95:>8.1}  {max:>8.1}  {ratio:>14}");
        if peer.is_some() && p95 >= ENOUGH {
            println!("  this is more than the {ENOUGH} ms that nobody shall wait longer for");
        }
    }
}

fn milliseconds(work: impl FnOnce()) -> f64 {
    let started = Instant::now();
    work();
    started.elapsed().as_secs_f64() * 1e3
}
