//! Containers of every engine beside one daemon, while secrets are rotated and containers and daemon come and go: the
//! inventory is what the processes of the machine have in their environments.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use nix::sys::signal::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::bundle::Request;
use crate::support::daemon::Daemon;
use crate::support::engine::{Bare, Containerd, Docker, Engine, Kind, Podman, ShimSettings, Site};
use crate::support::process::{kill_9, wait_until};
use crate::support::programs;
use crate::support::realm::Realm;
use crate::support::rig::temporary_folder;

/// Who holds what: a container by its name, a secret, its version and the variable.
type Holding = (String, String, String, String);

/// How many containers there are of each engine at first, and how many come with each rotation.
const FIRST: usize = 10;
const NEW: usize = 2;

struct Fleet {
    daemon: Daemon,
    /// The first one's process namespace is that of all.
    engines: Vec<Box<dyn Engine>>,
    secrets: Vec<String>,
    /// Which secret and version each value is of.
    values: BTreeMap<String, (String, String)>,
    /// The containers that live, by the engine's place.
    living: Vec<(usize, String)>,
    /// The names by the ids that the engines gave them.
    names: BTreeMap<String, String>,
    made: usize,
    _folder: TempDir,
}

impl Fleet {
    fn new() -> Self {
        let folder = temporary_folder();
        let mut daemon = Daemon::stopped(folder.path());
        let settings = || ShimSettings { program: programs::shim(), socket: daemon.socket(), deadline: "10s" };
        let site = |kind: Kind, realm: Realm| Site::in_realm(temporary_folder(), kind, Some(&settings()), realm);
        let bare = Bare::new(site(Kind::Runc, Realm::new(Kind::Runc.cgroups())));
        let beside = |kind: Kind| site(kind, bare.site().realm.beside(kind.cgroups()));
        let others: [Box<dyn Engine>; 5] = [
            Box::new(Bare::new(beside(Kind::Crun))),
            Box::new(Podman::new(beside(Kind::Runc))),
            Box::new(Podman::new(beside(Kind::Crun))),
            Box::new(Docker::new(beside(Kind::Runc))),
            Box::new(Containerd::new(beside(Kind::Runc))),
        ];
        let mut engines: Vec<Box<dyn Engine>> = vec![Box::new(bare)];
        engines.extend(others);
        launch(&mut daemon, &engines);
        Self {
            daemon,
            engines,
            secrets: Vec::new(),
            values: BTreeMap::new(),
            living: Vec::new(),
            names: BTreeMap::new(),
            made: 0,
            _folder: folder,
        }
    }

    /// Stores a secret.
    fn add(&mut self) {
        let value = format!("value-{}-1", self.secrets.len());
        let id = self.daemon.cli().add(&value);
        self.values.insert(value, (id.clone(), "1".to_owned()));
        self.secrets.push(id);
    }

    /// Stores another version of each secret; what the command line says about each.
    fn rotate(&mut self, version: usize) -> Vec<String> {
        let mut said = Vec::new();
        for (place, id) in self.secrets.iter().enumerate() {
            let value = format!("value-{place}-{version}");
            let args = ["vault", "set", "--object_id", id, "--from_file", "-"];
            said.push(self.daemon.cli().run(&args, value.as_bytes()).ok().err());
            self.values.insert(value, (id.clone(), version.to_string()));
        }
        said
    }

    /// Starts a container of each engine: with a current version of one secret, and the first version of another.
    fn create(&mut self) {
        for (place, engine) in self.engines.iter().enumerate() {
            let name = format!("c{}", self.made);
            self.made += 1;
            let request = Request::sleeping().env("CONTAINER", &format!("{place}-{name}"));
            let pinned = format!("ampoule://{}@1", self.secrets[1]);
            let request = request.env("CURRENT", &format!("ampoule://{}", self.secrets[0])).env("PINNED", &pinned);
            let printed = engine.create(&name, &request).ok().out();
            self.names.insert(printed.trim().to_owned(), name.clone());
            engine.start(&name).ok();
            self.living.push((place, name));
        }
    }

    /// Kills the first process of some of each engine's containers, deletes others, and forgets of all that it knew them.
    fn strike(&mut self) {
        for place in 0..self.engines.len() {
            let of_engine: Vec<String> =
                self.living.iter().filter(|(engine, _)| *engine == place).map(|(_, name)| name.clone()).collect();
            let pids = pids(&format!("{place}-{}", of_engine[0]));
            pids.iter().copied().for_each(kill_9);
            wait_until("it is dead", || pids.iter().all(|pid| environment(*pid).is_empty()));
            self.engines[place].delete(&of_engine[1]);
            self.engines[place].stop(&of_engine[2]);
            self.living.retain(|(engine, name)| *engine != place || !of_engine[..3].contains(name));
        }
    }

    /// What the machine's processes have.
    fn truth(&self) -> BTreeSet<Holding> {
        let mut holdings = BTreeSet::new();
        for pid in processes() {
            let environment = environment(pid);
            let Some(container) = environment.get("CONTAINER") else { continue };
            for (name, value) in &environment {
                let Some((object, version)) = self.values.get(value) else { continue };
                holdings.insert((container.clone(), object.clone(), version.clone(), name.clone()));
            }
        }
        holdings
    }

    fn inventory(&self, args: &[&str]) -> BTreeSet<Holding> {
        let mut holdings = BTreeSet::new();
        for row in self.daemon.cli().usage(args) {
            for name in row["names"].as_array().expect("names") {
                let text = |value: &Value| value.as_str().expect("a text").to_owned();
                let [object, version] = ["object_id", "version"].map(|key| text(&row[key]));
                assert!(holdings.insert((self.container(&row), object, version, text(name))), "twice: {row}");
            }
        }
        holdings
    }

    /// What a row's container calls itself. podman tells the name, Docker's user knows it by what Docker said.
    fn container(&self, row: &Value) -> String {
        let text = |key: &str| row[key].as_str().expect(key);
        let id = text("container_id");
        let name =
            if text("engine") == "podman" { text("container_name") } else { self.names.get(id).map_or(id, |n| n) };
        let known = self.living.iter().find(|(_, living)| living == name);
        known.map_or_else(|| format!("nobody's {row}"), |(place, name)| format!("{place}-{name}"))
    }

    /// Asserts that the inventory is the truth, whichever way it is asked.
    fn check(&self, when: &str) {
        let truth = self.truth();
        assert_eq!(truth.len(), 2 * self.living.len(), "{when}: each container has its two");
        assert_eq!(self.inventory(&[]), truth, "{when}");
        let current = self.values.values().map(|(_, version)| version).max().expect("a version").clone();
        let stale = |(_, _, version, _): &&Holding| *version != current;
        assert_eq!(self.inventory(&["--stale"]), truth.iter().filter(stale).cloned().collect(), "{when}");
        for id in &self.secrets {
            let of_id = |(_, object, ..): &&Holding| object == id;
            let expected: BTreeSet<Holding> = truth.iter().filter(of_id).cloned().collect();
            assert_eq!(self.inventory(&["--object_id", id]), expected, "{when}");
            let expected = expected.iter().filter(stale).cloned().collect();
            assert_eq!(self.inventory(&["--object_id", id, "--stale"]), expected, "{when}");
        }
    }

    fn wait_running(&self) {
        wait_until("all are reported", || self.daemon.cli().usage(&[]).iter().all(|row| row["state"] == "running"));
    }

    fn entries(&self, action: &str, outcome: &str) -> usize {
        let entries = self.daemon.cli().audit();
        entries.iter().filter(|e| e["action"] == action && e["attributes"]["outcome"] == outcome).count()
    }
}

impl Drop for Fleet {
    /// The namespace of processes ends when all in it that come from here have been waited for: its holder comes last.
    fn drop(&mut self) {
        self.daemon.kill();
        for (place, name) in &self.living {
            pids(&format!("{place}-{name}")).into_iter().for_each(kill_9);
        }
        while self.engines.pop().is_some() {}
    }
}

/// Starts the daemon among the engines' processes.
fn launch(daemon: &mut Daemon, engines: &[Box<dyn Engine>]) {
    daemon.launch_by(|command: &mut Command| engines[0].site().realm.spawn(command));
    daemon.wait_ready();
}

fn processes() -> Vec<u32> {
    let entries = fs::read_dir("/proc").expect("/proc").flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

fn environment(pid: u32) -> BTreeMap<String, String> {
    // A process may end between the listing and the reading.
    let bytes = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    let entries = bytes.split(|byte| *byte == 0).map(|entry| String::from_utf8_lossy(entry).into_owned());
    entries.filter_map(|entry| entry.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()))).collect()
}

/// The processes of a container, by what it calls itself.
fn pids(container: &str) -> Vec<u32> {
    let is_of = |pid: &u32| environment(*pid).get("CONTAINER").is_some_and(|name| name == container);
    processes().into_iter().filter(is_of).collect()
}

#[test]
fn the_inventory_is_what_the_processes_have() {
    let mut fleet = Fleet::new();
    fleet.add();
    fleet.add();
    for _ in 0..FIRST {
        fleet.create();
    }
    fleet.check("at first");
    for (version, how) in [(2, None), (3, Some(Signal::SIGKILL)), (4, Some(Signal::SIGTERM))] {
        fleet.wait_running();
        let holding = fleet.living.len();
        let said = fleet.rotate(version);
        for (said, id) in said.iter().zip(&fleet.secrets) {
            let told = format!("note: {holding} containers still hold version");
            let how = format!("see `ampoule usage --object_id {id} --stale`, and restart them\n");
            assert!(said.starts_with(&told) && said.ends_with(&how), "{said}");
        }
        fleet.check("rotated");
        fleet.strike();
        fleet.check("some have been killed, some deleted");
        for _ in 0..NEW {
            fleet.create();
        }
        fleet.check("some have come");
        if let Some(signal) = how {
            fleet.daemon.signal(signal);
            fleet.daemon.wait_stopped();
            fleet.strike();
            let Fleet { daemon, engines, .. } = &mut fleet;
            launch(daemon, engines);
            fleet.check("the daemon was away");
        }
    }
    assert!(fleet.made >= 50);
    fleet.wait_running();
    let holding = fleet.living.len();
    let id = fleet.secrets.pop().expect("a secret");
    let said = fleet.daemon.cli().run(&["vault", "delete", "--object_id", &id], b"").ok().err();
    let told = format!("note: {holding} containers still hold version 1: ");
    let how = format!("see `ampoule usage --object_id {id} --stale`, and stop them\n");
    assert!(said.starts_with(&told) && said.ends_with(&how), "{said}");
    for (place, name) in std::mem::take(&mut fleet.living) {
        fleet.engines[place].delete(&name);
    }
    fleet.check("all are gone");
    // Each secret of each container was injected once and released once.
    for action in ["vault.object.injected", "vault.object.released"] {
        assert_eq!(fleet.entries(action, "ok"), 2 * fleet.made, "{action}");
    }
}
