//! What the shim adds to a runtime's `create`, with no reference and with ten.
//!
//! `create` is what an engine waits for, and all that the shim ever does is done when it returns; a `run` would add the
//! container's own start and end, which differ from one time to the next by more than the shim costs. Each pair creates
//! from one bundle in the same namespaces, once by the runtime itself and once behind the shim, and each goes first in
//! every second pair. The time is the caller's: from before the process is made until its end has been waited for.
//! Deleting the container is not measured.
//!
//! The added median is that of the pairs' differences; the added p10 is the difference of the two p10, which tells what
//! the shim costs on a machine that does nothing else.
#![allow(clippy::print_stdout, reason = "what a benchmark finds, it prints")]

mod common;
#[allow(dead_code, unused_imports, unused_macros, reason = "made for the tests")]
#[path = "../tests/it/support/mod.rs"]
mod support;

use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Instant;

use serde_json::json;

use common::{Sample, released_shim};
use support::bundle::{Bundle, Request};
use support::daemon::Daemon;
use support::engine::{Bare, Engine, Kind, ShimSettings, Site};
use support::realm::Cgroups;
use support::rig::temporary_folder;
use support::rpc::Rpc;

const PAIRS: usize = 300;
const REFERENCES: [usize; 2] = [0, 10];

fn main() {
    let shim = released_shim();
    let folder = temporary_folder();
    let daemon = Daemon::start(folder.path());
    println!("{}, {PAIRS} pairs; milliseconds", shim.display());
    println!(
        "{:7}  {:>10}  {:>11}  {:>8}  {:>11}  {:>8}  {:>12}  {:>9}  {:>5}",
        "runtime",
        "references",
        "bare median",
        "bare p10",
        "shim median",
        "shim p10",
        "added median",
        "added p10",
        "ratio"
    );
    for kind in [Kind::Runc, Kind::Crun] {
        let settings = ShimSettings { program: shim.clone(), socket: daemon.socket(), deadline: "10s" };
        let engine = Bare::new(Site::with_cgroups(temporary_folder(), kind, Some(&settings), Cgroups::Unified));
        for references in REFERENCES {
            let request = request(&daemon, references);
            check(&engine, &request, references);
            row(kind, references, &pairs(&engine, &engine.bundle("measured", &request)));
        }
    }
}

fn request(daemon: &Daemon, references: usize) -> Request {
    let mut client = Rpc::new(&daemon.socket());
    (0..references).fold(Request::printing_environment(), |request, number| {
        let id = client.create(&json!({ "value": value(number) }));
        request.env(&format!("SECRET_{number}"), &format!("ampoule://{id}"))
    })
}

fn value(number: usize) -> String {
    format!("the value with the number {number}")
}

/// What is measured must be an injection.
fn check(engine: &Bare, request: &Request, references: usize) {
    let environment = engine.run(request).ok().out();
    for number in 0..references {
        assert!(environment.contains(&format!("SECRET_{number}={}\0", value(number))), "{environment:?}");
    }
}

/// Milliseconds of a `create` by the runtime itself, and behind the shim.
struct Pair {
    bare: f64,
    shimmed: f64,
}

fn pairs(engine: &Bare, bundle: &Bundle) -> Vec<Pair> {
    let site = engine.site();
    let bare = |id: &str| create(site, &mut site.bare_runtime(&arguments(&bundle.path, id)), id);
    let shimmed = |id: &str| create(site, &mut site.runtime(&arguments(&bundle.path, id)), id);
    let pair = |number: usize| {
        if number.is_multiple_of(2) {
            let bare = bare("first");
            Pair { bare, shimmed: shimmed("second") }
        } else {
            let shimmed = shimmed("first");
            Pair { bare: bare("second"), shimmed }
        }
    };
    // The thread goes inside and never comes back, so it is one of its own.
    thread::scope(|scope| {
        let inside = scope.spawn(|| {
            site.realm.enter().expect("namespaces");
            (0..PAIRS).map(pair).collect()
        });
        inside.join().expect("measuring thread")
    })
}

fn arguments<'a>(bundle: &'a Path, id: &'a str) -> [&'a str; 4] {
    ["create", "--bundle", bundle.to_str().expect("UTF-8"), id]
}

fn create(site: &Site, command: &mut Command, id: &str) -> f64 {
    let silent = |command: &mut Command| {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().expect("a runtime")
    };
    let started = Instant::now();
    let status = silent(command);
    let elapsed = started.elapsed();
    assert!(status.success(), "{command:?}: {}", std::fs::read_to_string(site.log()).unwrap_or_default());
    assert!(silent(&mut site.bare_runtime(&["delete", "--force", id])).success(), "{id} can't be deleted");
    elapsed.as_secs_f64() * 1e3
}

fn row(kind: Kind, references: usize, pairs: &[Pair]) {
    let bare = Sample::new(pairs.iter().map(|pair| pair.bare));
    let shimmed = Sample::new(pairs.iter().map(|pair| pair.shimmed));
    let added = Sample::new(pairs.iter().map(|pair| pair.shimmed - pair.bare));
    println!(
        "{:7}  {references:>10}  {:>11.3}  {:>8.3}  {:>11.3}  {:>8.3}  {:>12.3}  {:>9.3}  {:>5.2}",
        kind.name(),
        bare.median(),
        bare.percentile(10),
        shimmed.median(),
        shimmed.percentile(10),
        added.median(),
        shimmed.percentile(10) - bare.percentile(10),
        shimmed.median() / bare.median()
    );
}
