//! What is kept of a container, and for how long.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::support::bundle::Request;
use crate::support::engine::{Bare, Engine, on_every_runtime, on_runtimes_and_podman};
use crate::support::rig::Rig;

use super::{NAME, assert_sees, launch, remove, seen};

/// The containers that have a record.
pub(super) fn names(folder: &Path) -> Vec<String> {
    let name = |path: PathBuf| path.parent().expect("folder").file_name().expect("name").to_string_lossy().into_owned();
    files(folder).into_iter().filter(|path| path.ends_with("record.json")).map(name).collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let entries = entries.map(|entry| entry.expect("entry"));
    entries
        .flat_map(
            |entry| if entry.file_type().expect("type").is_dir() { files(&entry.path()) } else { vec![entry.path()] },
        )
        .collect()
}

fn kept(rig: &Rig<impl Engine + ?Sized>) -> PathBuf {
    rig.engine.site().realm.outside("/run/ampoule/containers")
}

fn a_record_lives_as_long_as_its_container(rig: &Rig) {
    let engine = &rig.engine;
    let a = rig.daemon.cli().add("alpha");
    launch(engine, &Request::sleeping());
    seen(engine, &[]);
    assert!(!kept(rig).exists(), "something is written for a container that asks for nothing");
    remove(engine);
    launch(engine, &Request::sleeping().annotation("ampoule.dev/env.A", &a));
    let files = files(&kept(rig));
    assert_eq!(files.len(), 1, "{files:?}");
    let mode = |path: &Path| fs::metadata(path).expect("metadata").permissions().mode() & 0o7777;
    assert_eq!((mode(&kept(rig)), mode(&files[0])), (0o700, 0o600));
    let text = fs::read_to_string(&files[0]).expect("record");
    assert!(text.contains(&a) && !text.contains("alpha"), "{text}");
    remove(engine);
    assert!(names(&kept(rig)).is_empty(), "it outlives its container");
}

on_runtimes_and_podman!(a_record_lives_as_long_as_its_container);

/// Runtimes by themselves.
mod by_hand {
    use super::{Bare, Engine, NAME, Request, Rig, assert_sees, kept, launch, names, on_every_runtime, remove, seen};

    /// The real runtime, past the shim.
    fn past_the_shim(rig: &Rig<Bare>, args: &[&str]) {
        let site = rig.engine.site();
        site.realm.run(&mut site.bare_runtime(args)).ok();
    }

    fn nothing_of_an_earlier_container_comes_back(rig: &Rig<Bare>) {
        let engine = &rig.engine;
        let a = rig.daemon.cli().add("alpha");
        let asking = Request::sleeping().annotation("ampoule.dev/env.A", &a);
        for later in [Request::sleeping(), Request::sleeping().annotation("ampoule.dev/env-vars", "[]")] {
            launch(engine, &asking);
            past_the_shim(rig, &["delete", "--force", NAME]);
            assert_eq!(names(&kept(rig)), [NAME]);
            launch(engine, &later);
            assert!(!seen(engine, &[]).contains_key("A"));
            assert!(names(&kept(rig)).is_empty());
            remove(engine);
        }
    }

    fn what_fails_leaves_the_record_of_the_living(rig: &Rig<Bare>) {
        let engine = &rig.engine;
        let cli = rig.daemon.cli();
        let (a, b) = (cli.add("alpha"), cli.add("beta"));
        launch(engine, &Request::sleeping().annotation("ampoule.dev/env.A", &a));
        // The id is taken.
        for request in [Request::sleeping(), Request::sleeping().annotation("ampoule.dev/env.B", &b)] {
            let bundle = engine.bundle("another", &request);
            assert_ne!(engine.call("create", &bundle, NAME).code(), 0);
        }
        // What runs is not deleted without force.
        assert_ne!(engine.command(&["delete", NAME]).code(), 0);
        assert_sees(engine, "afterwards", &[], &[("A", "alpha")]);
        assert!(!seen(engine, &[]).contains_key("B"));
        engine.stop(NAME);
        engine.command(&["delete", NAME]).ok();
        assert!(names(&kept(rig)).is_empty());
        // A create that fails keeps nothing either, once it is deleted as engines do.
        let broken = engine.bundle("broken", &Request::new(&["/nonexistent"]).annotation("ampoule.dev/env.A", &a));
        engine.call("run", &broken, "broken");
        engine.command(&["delete", "--force", "broken"]);
        assert!(names(&kept(rig)).is_empty());
    }

    fn containers_of_one_name_in_two_places(rig: &Rig<Bare>) {
        let engine = &rig.engine;
        let cli = rig.daemon.cli();
        let (a, b) = (cli.add("alpha"), cli.add("beta"));
        let bundle = engine.bundle("elsewhere", &Request::sleeping().annotation("ampoule.dev/env.B", &b));
        launch(engine, &Request::sleeping().annotation("ampoule.dev/env.A", &a));
        let at = |args: &[&str]| engine.command(&[&["--root", "/run/elsewhere"], args].concat());
        at(&["create", "--bundle", bundle.path.to_str().expect("UTF-8"), NAME]).ok();
        at(&["start", NAME]).ok();
        let process = engine.describe("elsewhere", &[], &["sh", "-c", "echo $A$B"]);
        assert_eq!(at(&["exec", "--process", process.to_str().expect("UTF-8"), NAME]).ok().out(), "beta\n");
        assert_eq!(engine.exec(NAME, &[], &["sh", "-c", "echo $A$B"]).ok().out(), "alpha\n");
        at(&["delete", "--force", NAME]).ok();
        assert_eq!(engine.exec(NAME, &[], &["sh", "-c", "echo $A$B"]).ok().out(), "alpha\n");
        remove(engine);
    }

    on_every_runtime!(
        nothing_of_an_earlier_container_comes_back,
        what_fails_leaves_the_record_of_the_living,
        containers_of_one_name_in_two_places,
    );
}
