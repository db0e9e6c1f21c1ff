//! `kill -9` of the shim, of its helper, or of both, in every phase of a create.
//!
//! `crash_shim.rs` kills at random moments; here each moment has its turn.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use memchr::memmem;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::bundle::{Bundle, Request};
use crate::support::engine::{Bare, Engine, Kind, on_each_kind};
use crate::support::gate::{self, Gate};
use crate::support::process::{Job, Ran, is_child_of_any, kill_9, wait_until};
use crate::support::programs;
use crate::support::rig::Rig;
use crate::support::search::Needle;

/// Every phase in order, and how many processes the shim has started by then.
const PHASES: [(&str, usize); 15] = [
    ("locked", 0),
    ("resolved", 0),
    ("named", 0),
    ("prepared", 0),
    ("detaching", 1),
    ("helper-forked", 1),
    ("guarding", 2),
    ("helper-waits", 2),
    ("helper-ready", 2),
    ("linked", 2),
    ("exchanged", 2),
    ("changed", 2),
    ("opened", 2),
    ("restored", 2),
    (LAST, 1),
];

/// The runtime has everything; when it has ended, so has the guard.
const LAST: &str = "finished";

/// What is killed in a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Victim {
    /// Nothing: a stop alone changes nothing.
    Nobody,
    /// The process that the caller started: the shim, later the runtime.
    Caller,
    /// The process that feeds the runtime.
    Helper,
    /// The one that puts the configuration back if the helper can't.
    Guard,
    HelperAndGuard,
    Everybody,
}

const VICTIMS: [Victim; 6] =
    [Victim::Nobody, Victim::Caller, Victim::Helper, Victim::Guard, Victim::HelperAndGuard, Victim::Everybody];

impl Victim {
    fn includes_caller(self) -> bool {
        matches!(self, Self::Caller | Self::Everybody)
    }

    fn includes_helper(self) -> bool {
        matches!(self, Self::Helper | Self::HelperAndGuard | Self::Everybody)
    }

    fn includes_guard(self) -> bool {
        matches!(self, Self::Guard | Self::HelperAndGuard | Self::Everybody)
    }
}

/// One secret, and one bundle that asks for it, for all rounds.
struct Scene {
    rig: Rig<Bare>,
    needle: Needle,
    bundle: Bundle,
    /// Where the shim puts its pipe: the bundle, or what stands for it if that can't be written in.
    delivers_in: PathBuf,
}

impl Scene {
    fn new(kind: Kind) -> Self {
        let (rig, needle) = (Rig::stoppable(kind), Needle::random());
        let secret = rig.daemon.cli().add(needle.value());
        let request = Request::printing_environment().env("A", &format!("ampoule://{secret}"));
        let bundle = rig.engine.bundle("shared", &request);
        let delivers_in = bundle.path.clone();
        Self { rig, needle, bundle, delivers_in }
    }

    fn with_read_only_bundle(kind: Kind) -> Self {
        let mut scene = Self::new(kind);
        let realm = &scene.rig.engine.site().realm;
        realm.make_read_only(&scene.bundle.path);
        scene.delivers_in = realm.outside(&format!("/run/ampoule/bundles{}", scene.bundle.path.display()));
        scene
    }

    fn rounds(&self) {
        for (phase, started) in PHASES {
            // Before there is a helper or a guard, they can't be killed.
            let victims = match started {
                0 => &VICTIMS[..2],
                1 => &VICTIMS[..3],
                _ => &VICTIMS[..],
            };
            for &victim in victims {
                self.round(phase, started, victim);
            }
        }
    }

    fn round(&self, phase: &'static str, started: usize, victim: Victim) {
        let what = format!("{victim:?} killed at {phase:?}");
        let engine = &self.rig.engine;
        let site = engine.site();
        let id = engine.fresh_id();
        let path = self.bundle.path.to_str().expect("UTF-8");
        let gate = Gate::close(&site.realm, phase);
        // Nobody waits for the guard, so the helper has to be held too.
        let also = (phase == "guarding").then(|| Gate::close(&site.realm, "helper-waits"));
        let mut job = site.realm.start(&mut site.runtime(&["run", "--bundle", path, &id]), b"");
        gate.wait_until_reached();
        wait_until(&what, || site.helpers(job.pid()).len() == started);
        strike(victim, &site.helpers(job.pid()), &mut job);
        gate.open();
        if let Some(also) = also {
            also.open();
        }
        self.assert_outcome(phase, victim, &job.wait());
        self.assert_nothing_stays(&what);
        if !(victim == Victim::Everybody || victim == Victim::HelperAndGuard || phase == "named") {
            // Whoever lives puts it back.
            self.assert_pristine(&what);
        }
        // What the runtime left of a container that was cut short is not the shim's to remove.
        engine.delete(&id);
        let next = engine.call("run", &self.bundle, &engine.fresh_id());
        assert!(self.is_served(&next), "{what}: the next container: exit {} {}", next.code(), next.err());
        self.assert_nothing_stays(&what);
        self.assert_pristine(&what);
    }

    fn is_served(&self, ran: &Ran) -> bool {
        ran.code() == 0 && ran.out().contains(&format!("A={}\0", self.needle.value()))
    }

    /// A container has its value, or doesn't run.
    fn assert_outcome(&self, phase: &str, victim: Victim, ran: &Ran) {
        let what = format!("{victim:?} killed at {phase:?}: exit {}, {} {}", ran.code(), ran.out(), ran.err());
        let refused = ran.code() == 1 && ran.stdout.is_empty() && !ran.stderr.is_empty();
        match victim {
            Victim::Nobody | Victim::Guard => assert!(self.is_served(ran), "{what}"),
            Victim::Helper | Victim::HelperAndGuard if phase == LAST => assert!(self.is_served(ran), "{what}"),
            Victim::Helper | Victim::HelperAndGuard => assert!(refused, "{what}"),
            // The runtime goes on in this phase and may be done before the blow falls.
            Victim::Caller | Victim::Everybody if phase == LAST => {
                assert!(ran.code() == 137 || self.is_served(ran), "{what}");
            }
            Victim::Caller | Victim::Everybody => assert!(ran.code() == 137 && ran.stdout.is_empty(), "{what}"),
        }
    }

    fn assert_pristine(&self, what: &str) {
        assert!(self.bundle.is_pristine(), "{what}: the bundle is not as it was");
        assert_eq!(names(&self.delivers_in), ["config.json"], "{what}");
    }

    /// No helper, and no plaintext.
    fn assert_nothing_stays(&self, what: &str) {
        let site = self.rig.engine.site();
        site.wait_for_helpers();
        let found = [self.needle.search(site.folder()), self.needle.search(&site.realm.outside("/run"))].concat();
        assert!(found.is_empty(), "{what}: {found:?}");
    }
}

/// Kills; the guard is the one that the helper has started.
fn strike(victim: Victim, helpers: &[u32], job: &mut Job) {
    // Who is who has to be known before the first blow: the others may go when one has gone.
    let is_struck = |pid: &u32| {
        let is_guard = is_child_of_any(*pid, helpers);
        if is_guard { victim.includes_guard() } else { victim.includes_helper() }
    };
    let struck: Vec<u32> = helpers.iter().copied().filter(is_struck).collect();
    if victim.includes_caller() {
        job.kill();
    }
    struck.into_iter().for_each(kill_9);
}

fn killed_in_every_phase(kind: Kind) {
    Scene::new(kind).rounds();
}

fn killed_in_every_phase_beside_a_read_only_bundle(kind: Kind) {
    Scene::with_read_only_bundle(kind).rounds();
}

/// What ends all of an engine's processes comes too late for the helper, which is about to be done.
fn signals_do_not_stop_the_helper(kind: Kind) {
    let scene = Scene::new(kind);
    let site = scene.rig.engine.site();
    let path = scene.bundle.path.to_str().expect("UTF-8");
    for signal in [Signal::SIGHUP, Signal::SIGINT, Signal::SIGTERM, Signal::SIGPIPE] {
        let gate = Gate::close(&site.realm, "opened");
        let id = scene.rig.engine.fresh_id();
        let job = site.realm.start(&mut site.runtime(&["run", "--bundle", path, &id]), b"");
        gate.wait_until_reached();
        for pid in site.helpers(job.pid()) {
            kill(Pid::from_raw(pid.cast_signed()), signal).expect("signal");
        }
        gate.open();
        let ran = job.wait();
        assert!(scene.is_served(&ran), "{signal}: exit {}, {}", ran.code(), ran.err());
        scene.assert_nothing_stays(signal.as_str());
        scene.assert_pristine(signal.as_str());
    }
}

/// podman writes `config.json` before it calls the runtime, so nothing may stand there that it can't write to.
fn podman_starts_a_container_whose_helper_was_killed(kind: Kind) {
    let rig = Rig::stoppable_podman(kind);
    let secret = rig.daemon.cli().add("alpha");
    let request = Request::sleeping().env("A", &format!("ampoule://{secret}"));
    let (podman, site) = (&rig.engine, rig.engine.site());
    podman.launch(&["create", "--name", "again"], &request).ok();
    for phase in ["helper-waits", "helper-ready", "linked", "exchanged", "changed", "opened", "restored"] {
        let gate = Gate::close(&site.realm, phase);
        let job = site.realm.start(&mut podman.command(&["start", "again"]), b"");
        gate.wait_until_reached();
        let helpers = site.helpers(0);
        let feeding: Vec<u32> = helpers.iter().copied().filter(|&pid| !is_child_of_any(pid, &helpers)).collect();
        feeding.into_iter().for_each(kill_9);
        gate.open();
        let ran = job.wait();
        assert!(ran.code() != 0 && ran.stdout.is_empty(), "{phase}: exit {}, {}", ran.code(), ran.out());
        site.wait_for_helpers();
    }
    podman.start("again").ok();
    let inside = podman.call(&["exec", "again", "cat", "/proc/1/environ"]).ok();
    assert!(inside.out().contains("A=alpha\0"), "{}", inside.out());
}

on_each_kind!(
    killed_in_every_phase,
    killed_in_every_phase_beside_a_read_only_bundle,
    signals_do_not_stop_the_helper,
    podman_starts_a_container_whose_helper_was_killed,
);

fn names(folder: &Path) -> Vec<OsString> {
    fs::read_dir(folder).expect("folder").map(|entry| entry.expect("entry").file_name()).collect()
}

#[test]
fn every_phase_of_the_shim_has_its_rounds() {
    let mut found = Vec::new();
    phases_below(&Path::new(env!("CARGO_MANIFEST_DIR")).join("shim/src"), &mut found);
    let mut wanted = PHASES.map(|(phase, _)| phase).to_vec();
    wanted.push(crate::files::crash::OWN_PHASE);
    found.sort();
    wanted.sort_unstable();
    assert_eq!(found, wanted);
}

fn phases_below(folder: &Path, found: &mut Vec<String>) {
    let entries = fs::read_dir(folder).expect("the shim's source").map(|entry| entry.expect("entry").path());
    for path in entries {
        if path.is_dir() {
            phases_below(&path, found);
        } else {
            let source = fs::read_to_string(path).expect("the shim's source");
            let calls = source.split("phase::at(\"").skip(1);
            found.extend(calls.map(|call| call.split('"').next().expect("a name").to_owned()));
        }
    }
}

#[test]
fn the_shim_that_people_install_has_no_gates() {
    let has_gates = |shim: PathBuf| memmem::find(&fs::read(shim).expect("shim"), gate::FOLDER.as_bytes()).is_some();
    assert!(has_gates(programs::shim_with_phases()));
    assert!(!has_gates(programs::shim()));
}
