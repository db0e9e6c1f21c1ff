//! CRIU would write the value to a disk with the process's memory: the shim doesn't let it.

use std::fs;

use crate::support::bundle::Request;
use crate::support::engine::{Bare, Engine, on_every_runtime};
use crate::support::process::{Ran, wait_until};
use crate::support::rig::Rig;
use crate::support::search::Needle;

fn checkpoint(rig: &Rig<Bare>, id: &str) -> Ran {
    let images = rig.engine.site().folder().join("images");
    rig.engine.command(&["checkpoint", "--image-path", images.to_str().expect("UTF-8"), "--leave-running", id])
}

fn a_checkpoint_is_refused_where_there_is_a_value(rig: &Rig<Bare>) {
    let needle = Needle::random();
    let secret = rig.daemon.cli().add(needle.value());
    let variable = Request::sleeping().env("A", &format!("ampoule://{secret}"));
    let file = Request::sleeping().annotation("ampoule.dev/file.A", &secret);
    for (told, (id, request)) in (1..).zip([("variable", variable), ("file", file)]) {
        rig.engine.create(id, &request).ok();
        rig.engine.start(id).ok();
        wait_until("it is told of", || {
            rig.daemon.cli().audit().iter().filter(|entry| entry["action"] == "vault.object.injected").count() == told
        });
        let ran = checkpoint(rig, id);
        assert_eq!(ran.code(), 1, "{}", ran.err());
        assert!(ran.err().contains(&format!("container {id} has values from the vault")), "{}", ran.err());
        assert_eq!(rig.engine.status(id), "running");
        let found = needle.search(rig.engine.site().folder());
        assert!(found.is_empty(), "{found:?}");
        let path = rig.engine.site().shim_config.as_ref().expect("settings");
        let usual = fs::read_to_string(path).expect("settings");
        fs::write(path, format!("{usual}allow_checkpoint: true\n")).expect("settings");
        let allowed = checkpoint(rig, id);
        fs::write(path, usual).expect("settings");
        assert!(!allowed.err().contains("vault"), "it is the runtime that answers: {}", allowed.err());
        // It may have ended by that.
        rig.engine.delete(id).ok();
    }
    // Without a value it is the runtime that does it or can't.
    rig.engine.create("plain", &Request::sleeping()).ok();
    rig.engine.start("plain").ok();
    assert!(!checkpoint(rig, "plain").err().contains("vault"));
    rig.engine.delete("plain").ok();
}

on_every_runtime!(a_checkpoint_is_refused_where_there_is_a_value);

/// podman asks CRIU for its version first, and the runtime whether it can: both must be there.
#[test]
fn podman_shows_the_refusal_and_the_container_goes_on() {
    let rig = Rig::podman_runc();
    let needle = Needle::random();
    let secret = rig.daemon.cli().add(needle.value());
    rig.engine.create("web", &Request::sleeping().env("A", &format!("ampoule://{secret}"))).ok();
    rig.engine.start("web").ok();
    let archive = rig.engine.site().folder().join("web.tar");
    let ran = rig.engine.call(&["container", "checkpoint", "--export", archive.to_str().expect("UTF-8"), "web"]);
    assert_eq!(ran.code(), 125, "{}", ran.err());
    assert!(ran.err().contains("has values from the vault"), "{}", ran.err());
    assert!(!archive.exists() && needle.search(rig.engine.site().folder()).is_empty());
    assert_eq!(rig.engine.call(&["ps", "--format", "{{.Names}}"]).ok().out(), "web\n");
    // podman calls the runtime itself for this, without the environment that it gives to conmon.
    rig.engine.site().realm.own_etc();
    let etc = rig.engine.site().realm.outside("/etc/ampoule");
    fs::create_dir_all(&etc).expect("folder");
    fs::write(etc.join("shim.yaml"), "allow_checkpoint: true\n").expect("settings");
    let ran = rig.engine.call(&[
        "container",
        "checkpoint",
        "--compress",
        "none",
        "--export",
        archive.to_str().expect("UTF-8"),
        "web",
    ]);
    assert!(!ran.err().contains("vault"), "{}", ran.err());
    // What is refused is worth it. Debian 12's CRIU doesn't know newer kernels.
    if ran.code() == 0 {
        assert!(!needle.search(&archive).is_empty(), "the checkpoint is without the value");
    }
    rig.engine.delete("web").ok();
}
