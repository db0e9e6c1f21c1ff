//! Whatever is killed, and when: a file's value is gone, and the next container has it.

use std::fs;

use super::life::assert_nowhere;
use super::{asking, holders, script};
use crate::support::engine::{Engine, Kind, on_each_kind};
use crate::support::gate::Gate;
use crate::support::process::{kill_9, wait_until};
use crate::support::rig::Rig;
use crate::support::search::Needle;

/// The phase that only a container with files has; the others are those of every create.
pub(crate) const OWN_PHASE: &str = "files-made";

/// Everything is killed at each phase after the file is made: nothing stays, and the next container has it.
fn killed_with_a_file(kind: Kind) {
    let rig = Rig::stoppable(kind);
    let needle = Needle::random();
    let secret = rig.daemon.cli().add(needle.value());
    let bundle = rig.engine.bundle("shared", &asking(script("cat /run/secrets/A"), "A", &secret));
    let path = bundle.path.to_str().expect("UTF-8");
    let site = rig.engine.site();
    for phase in [OWN_PHASE, "helper-ready", "exchanged", "opened", "restored", "finished"] {
        let id = rig.engine.fresh_id();
        let gate = Gate::close(&site.realm, phase);
        let mut job = site.realm.start(&mut site.runtime(&["run", "--bundle", path, &id]), b"");
        gate.wait_until_reached();
        if phase == OWN_PHASE {
            assert!(!holders(&needle).is_empty(), "it is made");
        }
        let helpers = site.helpers(job.pid());
        job.kill();
        helpers.into_iter().for_each(kill_9);
        gate.open();
        job.wait();
        // What the runtime left of it, a process of the container perhaps, is the runtime's to remove.
        rig.engine.delete(&id);
        wait_until("nobody has the file", || holders(&needle).is_empty());
        let rig: &Rig = &rig;
        assert_nowhere(rig, &needle, phase);
        let bare = rig.engine.site().runtime(&["run", "--bundle", path, &format!("{id}-next")]);
        let next = rig.engine.site().realm.run(&mut { bare });
        assert_eq!((next.code(), next.out().as_str()), (0, needle.value()), "{phase}: {}", next.err());
    }
    assert!(bundle.is_pristine());
}

/// A machine that stops at once has an empty `/run` when it starts again.
fn after_a_crash_of_the_host(kind: Kind) {
    let rig = Rig::patient(kind);
    let needle = Needle::random();
    let secret = rig.daemon.cli().add(needle.value());
    let bundle = rig.engine.bundle("shared", &asking(script("cat /run/secrets/A; sleep 1000"), "A", &secret));
    let id = rig.engine.fresh_id();
    let site = rig.engine.site();
    let run = ["run", "--bundle", bundle.path.to_str().expect("UTF-8"), &id];
    let mut job = site.realm.start(&mut site.runtime(&run), b"");
    job.wait_for(needle.value());
    let holding: Vec<u32> = holders(&needle)
        .iter()
        .filter_map(|path| path.components().nth(2)?.as_os_str().to_str()?.parse().ok())
        .filter(|pid| *pid != std::process::id())
        .collect();
    job.kill();
    holding.into_iter().for_each(kill_9);
    job.wait();
    wait_until("nobody has the file", || holders(&needle).is_empty());
    for folder in ["runc", "crun", "ampoule"] {
        let _ = fs::remove_dir_all(site.realm.outside("/run").join(folder));
    }
    let found = [needle.search(site.folder()), needle.search(&site.realm.outside("/run"))].concat();
    assert!(found.is_empty(), "{found:?}");
    let mut job = site.realm.start(&mut site.runtime(&run), b"");
    job.wait_for(needle.value());
    // Not by `delete`: the runtime that waits for the container's end clears up after it too.
    site.realm.run(&mut site.runtime(&["kill", &id, "KILL"])).ok();
    job.wait();
}

on_each_kind!(killed_with_a_file, after_a_crash_of_the_host);
