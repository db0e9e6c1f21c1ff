//! What is particular to an image and podman.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::json;

use super::{Runner, command, refused, run, script};
use crate::support::engine::{Engine, IMAGE, Kind, Podman, on_engine};
use crate::support::programs;
use crate::support::rig::Rig;

impl Runner for Podman {
    fn set_up(&self, command: &mut Command) {
        command.envs(self.env()).arg("--rm");
        command.args(self.places().iter().map(|place| format!("--engine-arg={place}")));
        if self.site().kind == Kind::Crun {
            // podman takes a runtime without control groups by its name alone.
            command.arg(format!("--engine-arg=--runtime={}", self.runtime_name()));
        }
    }

    fn image(&self) -> Option<&'static str> {
        Some(IMAGE)
    }

    fn kill(&self, name: &str) {
        self.call(&["kill", name]).ok();
    }

    fn leftovers(&self) -> Vec<PathBuf> {
        Vec::new()
    }
}

fn the_shim_is_named_unless_it_is_the_default_already(rig: &Rig<Podman>) {
    let site = rig.engine.site();
    let by_default = format!("--engine-arg=--runtime={}", rig.engine.runtime_name());
    let shim = programs::ampoule().with_file_name("ampoule-shim").display().to_string();
    for (arg, runtime) in [(None, shim), (Some(by_default), rig.engine.runtime_name())] {
        fs::write(site.folder().join("web.json"), script(rig, "echo ready; exec sleep 1000").to_string())
            .expect("request");
        let mut job = site.realm.start(command(rig, "web.json").args(arg), b"");
        job.wait_for("ready");
        let inspected = rig.engine.call(&["inspect", "--format", "{{.OCIRuntime}}", &super::name(rig)]).ok();
        assert_eq!(inspected.out().trim(), runtime);
        rig.engine.kill(&super::name(rig));
        assert_eq!(job.wait().code(), 137);
    }
}

fn a_container_stays_unless_it_is_to_be_removed(rig: &Rig<Podman>) {
    let names = || rig.engine.call(&["ps", "--all", "--format", "{{.Names}}"]).ok().out();
    run(rig, &script(rig, "true")).ok();
    assert_eq!(names(), "");
    let site = rig.engine.site();
    let mut kept = rig.daemon.cli().command(&["run-request", "web.json"]);
    kept.current_dir(site.folder()).envs(rig.engine.env());
    kept.args(rig.engine.places().iter().map(|place| format!("--engine-arg={place}")));
    site.realm.run(&mut kept).ok();
    assert_eq!(names(), super::name(rig) + "\n");
}

fn what_is_not_there_is_named(rig: &Rig<Podman>) {
    let site = rig.engine.site();
    let mut request = script(rig, "true");
    let folder = site.folder();
    let write = |request: &serde_json::Value| fs::write(folder.join("web.json"), request.to_string()).expect("request");
    write(&request);
    let ran = site.realm.run(command(rig, "web.json").env("PATH", folder));
    refused(&ran, &["podman is not installed", "apt install podman"]);
    let ran = site.realm.run(command(rig, "web.json").arg("--engine-arg=--no-such-flag"));
    refused(&ran, &["podman", "no-such-flag", "podman info"]);
    request["image_ref"] = json!(null);
    write(&request);
    refused(&site.realm.run(&mut command(rig, "web.json")), &["web.json: image_ref: "]);
    request["image_ref"] = json!(IMAGE);
    request["environment"] = json!({ "LONG": "x".repeat(128 * 1024) });
    write(&request);
    refused(&site.realm.run(&mut command(rig, "web.json")), &["web.json: ", "128 KiB"]);
    let both = site.realm.run(command(rig, "web.json").args(["--engine", "podman", "--rootfs", "/"]));
    assert_eq!((both.code(), both.err().contains("--rootfs")), (2, true), "{}", both.err());
    let neither = site.realm.run(command(rig, "web.json").args(["--engine", "runc"]));
    assert_eq!((neither.code(), neither.err().contains("--rootfs")), (2, true), "{}", neither.err());
    assert!(site.containers().is_empty());
}

fn a_long_request_arrives_whole(rig: &Rig<Podman>) {
    let mut request = script(rig, "echo ${#LONG}; sleep 0.3");
    request["environment"] = json!({ "LONG": "\"".repeat(20_000) });
    let ran = run(rig, &request).ok();
    assert_eq!(ran.out(), "20000\n");
}

on_engine!(
    podman_runc,
    the_shim_is_named_unless_it_is_the_default_already,
    a_container_stays_unless_it_is_to_be_removed,
    what_is_not_there_is_named,
    a_long_request_arrives_whole
);
