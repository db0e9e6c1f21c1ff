//! Files beside what else is mounted, on root file systems of every kind.

use std::fs;

use serde_json::{Value, json};

use super::{asking, script};
use crate::support::bundle::{Bundle, Request};
use crate::support::engine::{Bare, Engine, Kind, on_every_runtime};
use crate::support::process::Ran;
use crate::support::rig::Rig;

/// Runs a request after a change to its configuration.
fn run(rig: &Rig<Bare>, request: &Request, change: impl FnOnce(&mut Value)) -> Ran {
    let id = rig.engine.fresh_id();
    let site = rig.engine.site();
    let mut config = request.config(&site.rootfs, &format!("{}/{id}", site.cgroup.0));
    change(&mut config);
    let bundle = Bundle::write(site.folder().join("bundles").join(&id), &config);
    let ran = rig.engine.call("run", &bundle, &id);
    assert!(bundle.is_pristine(), "the bundle is not as it was");
    ran
}

fn beside_other_mounts(rig: &Rig<Bare>) {
    let id = rig.daemon.cli().add("alpha");
    let shared = rig.engine.site().folder().join("shared");
    fs::create_dir(&shared).expect("folder");
    fs::write(shared.join("theirs"), "theirs ").expect("file");
    let cat = asking(script("cat /run/secrets/*"), "A", &id);
    let mount = |mount: Value| move |config: &mut Value| config["mounts"].as_array_mut().expect("a list").push(mount);
    // The file comes over what is mounted above it.
    let bind = json!({"destination": "/run/secrets/", "type": "bind", "source": shared, "options": ["bind"]});
    assert_eq!(run(rig, &cat, mount(bind)).ok().out(), "alphatheirs ");
    assert_eq!(fs::read(shared.join("A")).expect("a mount point"), b"", "of the value nothing is in the other mount");
    let tmpfs = json!({"destination": "/run", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid"]});
    assert_eq!(run(rig, &cat, mount(tmpfs)).ok().out(), "alpha");
    // It can't be told which of two comes first, for whoever wrote the other.
    for taken in ["/run/secrets/A", "/run/secrets/./A/", "//run/x/../secrets/A/b"] {
        let tmpfs = json!({"destination": taken, "type": "tmpfs", "source": "tmpfs"});
        let refused = run(rig, &cat, mount(tmpfs));
        assert!(refused.code() == 1 && refused.err().contains("ampoule.dev/file.A: "), "{taken}: {}", refused.err());
    }
}

fn on_root_file_systems_of_every_kind(rig: &Rig<Bare>) {
    let id = rig.daemon.cli().add("alpha");
    let rootfs = &rig.engine.site().rootfs;
    let cat = asking(script("cat /run/secrets/A"), "A", &id);
    assert!(!rootfs.join("run").exists(), "the mount point and its folders are the runtime's to make");
    assert_eq!(run(rig, &cat, |_| {}).ok().out(), "alpha");
    assert_eq!(fs::read(rootfs.join("run/secrets/A")).expect("a mount point"), b"");
    // Now all of it is there, as in an image that has such a file, and nothing can be written.
    fs::write(rootfs.join("run/secrets/A"), "the image's").expect("file");
    rig.engine.site().realm.make_read_only(rootfs);
    assert_eq!(run(rig, &cat, |_| {}).ok().out(), "alpha");
    let writable = |config: &mut Value| config["root"]["readonly"] = json!(false);
    assert_eq!(run(rig, &cat, writable).ok().out(), "alpha");
    assert_eq!(fs::read(rootfs.join("run/secrets/A")).expect("a file"), b"the image's");
    // A mount point that is missing can't be made then: the runtime says so, and nothing is left.
    let missing = run(rig, &asking(script("cat /run/secrets/B"), "B", &id), |_| {});
    if rig.engine.site().kind == Kind::Runc {
        assert!(missing.code() != 0 && missing.err().contains("/run/secrets/B"), "{}", missing.err());
    } else {
        // crun's own bind of the root file system can be written.
        assert_eq!(missing.ok().out(), "alpha");
    }
    assert!(rig.engine.site().containers().is_empty());
}

fn a_bundle_that_is_read_only(rig: &Rig<Bare>) {
    let id = rig.daemon.cli().add("alpha");
    let request = asking(script("cat /run/secrets/A"), "A", &id);
    let bundle = rig.engine.bundle("shared", &request);
    rig.engine.site().realm.make_read_only(&bundle.path);
    assert_eq!(rig.engine.call("run", &bundle, "c").ok().out(), "alpha");
}

fn a_namespace_that_is_joined(rig: &Rig<Bare>) {
    let id = rig.daemon.cli().add("alpha");
    let request = asking(script("cat /run/secrets/A"), "A", &id);
    let joins = |config: &mut Value| {
        let namespaces = config["linux"]["namespaces"].as_array_mut().expect("a list");
        namespaces.push(json!({"type": "user", "path": "/run/user-namespace"}));
    };
    let refused = run(rig, &request, joins);
    assert!(refused.code() == 1 && refused.err().contains("/run/user-namespace"), "{}", refused.err());
}

on_every_runtime!(
    beside_other_mounts,
    on_root_file_systems_of_every_kind,
    a_bundle_that_is_read_only,
    a_namespace_that_is_joined,
);
