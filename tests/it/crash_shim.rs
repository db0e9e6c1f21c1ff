//! `kill -9` of the shim, of its helper, or of both, at random moments of a create.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::bundle::{Bundle, Request};
use crate::support::engine::{Bare, Engine, on_every_runtime};
use crate::support::process::{Job, is_child_of_any, kill_9};
use crate::support::random::random_below;
use crate::support::rig::Rig;
use crate::support::search::Needle;

const ROUNDS: usize = 100;

/// What is killed in a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Victim {
    /// The process that the caller started: the shim, later the runtime.
    Shim,
    /// The process that the shim left to feed the runtime.
    Helper,
    /// That and its guard, but not the runtime.
    EveryHelper,
    /// All of them and the shim.
    Everything,
}

const VICTIMS: [Victim; 4] = [Victim::Shim, Victim::Helper, Victim::EveryHelper, Victim::Everything];

/// Whatever was killed and when: no plaintext on disk, nothing hangs, and the next create works and heals the bundle.
fn killed_at_random_moments(rig: &Rig<Bare>) {
    let needle = Needle::random();
    let secret = rig.daemon.cli().add(needle.value());
    let request = Request::printing_environment().env("A", &format!("ampoule://{secret}"));
    let bundle = rig.engine.bundle("shared", &request);
    let usual = usual_time(rig, &bundle);
    let path = bundle.path.to_str().expect("UTF-8");
    let site = rig.engine.site();
    let mut cut_short = 0;
    for (round, victim) in VICTIMS.into_iter().cycle().take(ROUNDS).enumerate() {
        let id = rig.engine.fresh_id();
        let mut job = site.realm.start(&mut site.runtime(&["create", "--bundle", path, &id]), b"");
        thread::sleep(usual * random_below(110) / 100);
        strike(rig, victim, &mut job);
        let check = || {
            site.wait_for_helpers();
            let plain = [needle.search(site.folder()), needle.search(&site.realm.outside("/run"))].concat();
            assert!(plain.is_empty(), "round {round}, {victim:?}: {plain:?}");
        };
        let next = || {
            let after = rig.engine.call("run", &bundle, &rig.engine.fresh_id());
            assert_eq!(after.code(), 0, "round {round}, {victim:?}: {}", after.err());
            assert!(after.out().contains(needle.value()), "round {round}, {victim:?}: the container has no value");
        };
        // Nobody may be left to tell the runtime that nothing will come: it has to find out by itself.
        cut_short += usize::from(job.wait().code() != 0);
        check();
        // What the runtime left of the container that was cut short is not the shim's to remove.
        rig.engine.delete(&id);
        next();
        assert!(bundle.is_pristine(), "round {round}, {victim:?}: the bundle is not as it was");
    }
    assert!(
        cut_short > ROUNDS / 4,
        "only {cut_short} of {ROUNDS} creates were cut short: the moments are badly chosen"
    );
}

fn strike(rig: &Rig<Bare>, victim: Victim, job: &mut Job) {
    if matches!(victim, Victim::Shim | Victim::Everything) {
        job.kill();
    }
    match victim {
        Victim::Shim => {}
        Victim::Helper => {
            let helpers = rig.engine.site().helpers(job.pid());
            helpers.iter().filter(|&&pid| !is_child_of_any(pid, &helpers)).for_each(|&pid| kill_9(pid));
        }
        Victim::EveryHelper | Victim::Everything => {
            rig.engine.site().helpers(job.pid()).into_iter().for_each(kill_9);
        }
    }
}

/// The time of an undisturbed create here, so that the moments of killing are spread over it.
fn usual_time(rig: &Rig<Bare>, bundle: &Bundle) -> Duration {
    let times = (0..9).map(|_| {
        let id = rig.engine.fresh_id();
        let started = Instant::now();
        rig.engine.call("create", bundle, &id).ok();
        let took = started.elapsed();
        rig.engine.delete(&id).ok();
        took
    });
    // One that was held up would put most of the moments after the end.
    times.min().expect("nine")
}

/// A create that was cut down with its helper may leave the pipe in the place of the configuration.
fn a_leftover_pipe_is_healed(rig: &Rig<Bare>) {
    let secret = rig.daemon.cli().add("alpha");
    let request = Request::printing_environment().env("A", &format!("ampoule://{secret}"));
    let bundle = rig.engine.bundle("shared", &request);
    let path = bundle.path.to_str().expect("UTF-8");
    let site = rig.engine.site();
    let usual = usual_time(rig, &bundle);
    let mut left_over = 0;
    for _ in 0..ROUNDS {
        let id = rig.engine.fresh_id();
        let mut job = site.realm.start(&mut site.runtime(&["create", "--bundle", path, &id]), b"");
        let is_swapped = || fs::symlink_metadata(bundle.config_path()).is_ok_and(|meta| !meta.is_file());
        let started = Instant::now();
        while !is_swapped() && started.elapsed() < usual * 2 {
            std::hint::spin_loop();
        }
        strike(rig, Victim::Everything, &mut job);
        job.wait();
        left_over += u32::from(is_swapped());
        rig.engine.delete(&id);
        let after = rig.engine.call("run", &bundle, &rig.engine.fresh_id());
        assert_eq!(after.code(), 0, "{}", after.err());
        assert!(after.out().contains("A=alpha\0") && bundle.is_pristine());
        if left_over == 10 {
            break;
        }
    }
    assert!(left_over > 0, "not once was the pipe left: this test shows nothing");
}

on_every_runtime!(killed_at_random_moments, a_leftover_pipe_is_healed);
