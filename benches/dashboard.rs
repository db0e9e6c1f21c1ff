//! How long pages take on a vault of a hundred thousand secrets and a million entries, and how long they are.

#![allow(clippy::print_stdout, reason = "what a benchmark finds, it prints")]

mod common;
#[allow(dead_code, reason = "made for the tests")]
#[path = "../tests/it/dashboard/support.rs"]
mod pages;
#[allow(dead_code, unused_imports, unused_macros, reason = "made for the tests")]
#[path = "../tests/it/support/mod.rs"]
mod support;

use std::path::Path;
use std::sync::Mutex;
use std::thread;
use std::time::Instant;

use serde_json::{Value, json};

use common::Sample;
use pages::{ALL, Browser};
use support::rpc::Rpc;

const SECRETS: usize = 100_000;
const ENTRIES: usize = 1_000_000;
/// Containers that run, each with a secret of its own and the one that all have.
const CONTAINERS: usize = 1000;
const CREATORS: usize = 32;
/// References of one request, each of which is an entry.
const TOGETHER: usize = 1000;
const ROUNDS: usize = 40;

fn main() {
    let network = pages::network();
    let socket = network.daemon.socket();
    let started = Instant::now();
    let id = fill(&socket);
    let took = started.elapsed().as_secs_f64();
    println!("{SECRETS} secrets, {ENTRIES} entries and {CONTAINERS} containers in {took:.0} s");
    let mut browser = Browser::signed_in(&network, "bench", &ALL);
    println!("{:<44}  {:>8}  {:>8}  {:>8}", "page", "p50 ms", "p95 ms", "KiB");
    for path in [
        "/ui/".to_owned(),
        "/ui/secrets".to_owned(),
        "/ui/secrets?sort=oldest&from=50000".to_owned(),
        "/ui/secrets?sort=id".to_owned(),
        "/ui/secrets?sort=id&from=50000".to_owned(),
        "/ui/secrets?sort=description".to_owned(),
        "/ui/secrets?sort=description&from=50000".to_owned(),
        "/ui/secrets?sort=description&q=is-in-none".to_owned(),
        "/ui/secrets?sort=version".to_owned(),
        "/ui/secrets?sort=version&from=50000".to_owned(),
        "/ui/secrets?sort=accessed".to_owned(),
        "/ui/secrets?sort=accessed&from=f500000".to_owned(),
        "/ui/secrets?sort=held".to_owned(),
        "/ui/secrets?q=number+99".to_owned(),
        "/ui/secrets?q=is-in-none".to_owned(),
        "/ui/secrets?label=shard%3D7".to_owned(),
        format!("/ui/secrets/{id}"),
        format!("/ui/secrets/{id}/delete"),
        "/ui/use".to_owned(),
        "/ui/use?from=1000".to_owned(),
        "/ui/use?show=stale".to_owned(),
        format!("/ui/use?object={id}"),
        "/ui/audit".to_owned(),
        "/ui/audit?before=500000".to_owned(),
        format!("/ui/audit?object={id}"),
        "/ui/audit?outcome=denied".to_owned(),
        "/ui/audit/500000".to_owned(),
        "/ui/tokens".to_owned(),
        "/ui/instances".to_owned(),
        "/ui/devboxes".to_owned(),
    ] {
        let mut longest = 0;
        let took = Sample::new((0..ROUNDS).map(|_| {
            // What is asked for too quickly is refused: that is no page.
            thread::sleep(std::time::Duration::from_millis(20));
            let asked = Instant::now();
            let answer = browser.get(&path).ok();
            longest = longest.max(answer.body.len());
            asked.elapsed().as_secs_f64() * 1e3
        }));
        println!("{path:<44}  {:>8.1}  {:>8.1}  {:>8}", took.median(), took.percentile(95), longest >> 10);
    }
}

/// Fills the vault by its API; a secret of it.
fn fill(socket: &Path) -> String {
    let own = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for creator in 0..CREATORS {
            let own = &own;
            scope.spawn(move || {
                let mut rpc = Rpc::new(socket);
                for number in (creator..SECRETS).step_by(CREATORS) {
                    let label = json!({ "name": "shard", "value": (number % 1000).to_string() });
                    let text = format!("Secret number {number}, of some service or other");
                    let id = rpc.create(&json!({ "value": "x", "description": text, "labels": [label] }));
                    if number < CONTAINERS {
                        own.lock().expect("ids").push(id);
                    }
                }
            });
        }
    });
    let mut rpc = Rpc::new(socket);
    let id = rpc.create(&json!({ "value": "x", "description": "the one that all have" }));
    for container in 0..(ENTRIES - SECRETS) / TOGETHER {
        let references: Vec<Value> =
            (0..TOGETHER).map(|number| json!({ "name": format!("V{number}"), "object_id": id })).collect();
        let container = json!({ "id": format!("container{container}"), "name": "web", "pid": 1 });
        let request = json!({ "container": container, "references": references });
        let made = rpc.call("ampoule.v1.InjectionService/Resolve", &request).expect("resolved");
        let report = json!({ "injection_id": made["injectionId"], "fate": "FATE_DELETED" });
        rpc.call("ampoule.v1.InjectionService/Report", &report).expect("reported");
    }
    for (container, own) in own.into_inner().expect("ids").iter().enumerate() {
        let references = [json!({ "name": "OWN", "object_id": own }), json!({ "name": "COMMON", "object_id": id })];
        let container =
            json!({ "id": format!("living{container}"), "name": format!("api-{container}"), "engine": "podman" });
        let request = json!({ "container": container, "references": references });
        rpc.call("ampoule.v1.InjectionService/Resolve", &request).expect("resolved");
    }
    // Every second thing that is held is stale.
    let newer = json!({ "object_id": id, "new_value": "y" });
    rpc.call("namespace.cloud.vault.v1beta.VaultService/UpdateObject", &newer).expect("updated");
    id
}
