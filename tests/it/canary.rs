//! A random value goes through the life of a container on each engine, and is searched for everywhere meanwhile.

mod checkpoint;
mod kept;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::support::bundle::Request;
use crate::support::engine::{Bare, Buildah, Containerd, Docker, Engine, Kind, Podman, Site, on_every_engine};
use crate::support::process::wait_until;
use crate::support::rig::{Rig, temporary_folder};
use crate::support::search::Needle;

/// Where the machine's own runtimes and engines keep state; ours have private folders, so nothing of ours may be here.
const OF_THE_MACHINE: [&str; 5] = ["/run/runc", "/run/crun", "/run/containers", "/run/libpod", "/run/ampoule"];

/// Every place that holds the value, but for the containers' own processes.
pub(crate) fn places(needle: &Needle, engine: &dyn Engine, id: &str) -> Vec<PathBuf> {
    let site = engine.site();
    let inside = ["/run", "/dev/shm"].map(|path| site.realm.outside(path));
    let inside = inside.iter().map(PathBuf::as_path);
    let own = fs::read_dir(site.folder()).expect("folder").map(|entry| entry.expect("entry"));
    // Copies of our programs, where a user has to have them, are large and hold nothing.
    let own = own.filter(|entry| entry.file_name() != "ampoule" && entry.file_name() != "ampoule-shim");
    let own: Vec<_> = own.map(|entry| entry.path()).collect();
    let own = own.iter().map(PathBuf::as_path);
    let folders = OF_THE_MACHINE.iter().map(Path::new).chain(inside).chain(own);
    let mut found: Vec<PathBuf> = folders.flat_map(|folder| needle.search(folder)).collect();
    let own = fs::read_link("/proc/self/ns/pid").expect("namespace");
    found.extend(needle.search_processes(|pid| {
        site.realm.holds(pid) || fs::read_link(format!("/proc/{pid}/ns/pid")).is_ok_and(|namespace| namespace == own)
    }));
    let shown = engine.inspect(id);
    if needle.is_in(&shown.stdout) || needle.is_in(&shown.stderr) {
        found.push(PathBuf::from("inspect"));
    }
    found
}

/// A container that stays, and asks in each way that the engine carries.
fn asking_twice(engine: &dyn Engine, secret: &str) -> Request {
    let by_value = Request::sleeping().env("B", &format!("ampoule://{secret}"));
    let list = json!([{"name": "A", "from_secret_id": secret}]).to_string();
    let both = by_value.clone().annotation("ampoule.dev/env-vars", &list);
    if engine.carries(&both) { both } else { by_value }
}

fn the_value_is_in_the_container_and_nowhere_else(rig: &Rig) {
    let needle = Needle::random();
    let secret = rig.daemon.cli().add(needle.value());
    let request = asking_twice(&rig.engine, &secret);
    let nowhere = |when: &str| {
        let found = places(&needle, &rig.engine, "canary");
        assert!(found.is_empty(), "{when}: {found:?}");
    };
    nowhere("stored");
    rig.engine.create("canary", &request).ok();
    nowhere("created");
    rig.engine.start("canary").ok();
    // It did arrive: a container's process has it.
    wait_until("the container has the value", || !needle.search_processes(|_| true).is_empty());
    nowhere("running");
    rig.engine.stop("canary");
    nowhere("stopped");
    rig.engine.delete("canary").ok();
    nowhere("deleted");
    let found = needle.search_processes(|_| true);
    assert!(found.is_empty(), "a process outlives the container: {found:?}");
}

on_every_engine!(the_value_is_in_the_container_and_nowhere_else);

/// What the search above is worth: a plain variable, given as people give it, is found on every engine.
mod without_ampoule {
    use super::{
        Bare, Buildah, Containerd, Docker, Engine, Kind, Needle, Podman, Request, Site, places, temporary_folder,
    };

    fn found(engine: &dyn Engine) {
        let needle = Needle::random();
        let shown = || places(&needle, engine, "canary");
        engine.create("canary", &Request::sleeping().env("A", needle.value())).ok();
        assert!(!shown().is_empty());
        engine.delete("canary").ok();
        // podman 5 has another database, which forgets.
        if !engine.site().folder().join("storage/db.sql").exists() {
            assert!(!shown().is_empty(), "even when the container has gone");
        }
    }

    fn site(kind: Kind) -> Site {
        Site::new(temporary_folder(), kind, None)
    }

    #[test]
    fn a_plain_variable_is_found_on_runc() {
        found(&Bare::new(site(Kind::Runc)));
    }

    #[test]
    fn a_plain_variable_is_found_on_crun() {
        found(&Bare::new(site(Kind::Crun)));
    }

    #[test]
    fn a_plain_variable_is_found_on_podman_with_runc() {
        found(&Podman::new(site(Kind::Runc)));
    }

    #[test]
    fn a_plain_variable_is_found_on_podman_with_crun() {
        found(&Podman::new(site(Kind::Crun)));
    }

    /// The same on engines that start the container, too; not all of them remember it.
    fn found_while_it_runs(engine: &dyn Engine) {
        let needle = Needle::random();
        engine.create("canary", &Request::sleeping().env("A", needle.value())).ok();
        engine.start("canary").ok();
        assert!(!places(&needle, engine, "canary").is_empty());
        engine.stop("canary");
    }

    #[test]
    fn a_plain_variable_is_found_on_docker() {
        found_while_it_runs(&Docker::new(site(Kind::Runc)));
    }

    #[test]
    fn a_plain_variable_is_found_on_containerd() {
        found_while_it_runs(&Containerd::new(site(Kind::Runc)));
    }

    #[test]
    fn a_plain_variable_is_found_on_buildah() {
        found_while_it_runs(&Buildah::new(site(Kind::Runc)));
    }
}
