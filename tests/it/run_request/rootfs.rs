//! What is particular to a root file system and a runtime.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::Command;

use serde_json::json;

use super::{Runner, command, end, refused, run, script, start};
use crate::support::engine::{Bare, Engine, on_every_runtime};
use crate::support::programs;
use crate::support::rig::Rig;

impl Runner for Bare {
    fn set_up(&self, command: &mut Command) {
        let site = self.site();
        command.arg("--rootfs").arg(&site.rootfs).args(["--engine", site.kind.name()]);
        command.args(site.kind.options().iter().map(|option| format!("--engine-arg={option}")));
    }

    fn image(&self) -> Option<&'static str> {
        None
    }

    fn kill(&self, name: &str) {
        self.command(&["kill", name, "KILL"]).ok();
    }

    fn leftovers(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.site().realm.outside("/dev/shm")).expect("/dev/shm");
        entries.map(|entry| entry.expect("entry").path()).collect()
    }
}

fn the_bundle_is_there_while_the_container_runs(rig: &Rig<Bare>) {
    let mut job = start(rig, &script(rig, "echo ready; exec sleep 1000"), b"");
    job.wait_for("ready");
    let left = rig.engine.leftovers();
    assert_eq!(left.len(), 1, "what the other tests look for: {left:?}");
    assert!(left[0].join("config.json").is_file());
    assert_eq!(fs::metadata(&left[0]).expect("bundle").mode() & 0o7777, 0o700, "the request is its owner's alone");
    rig.engine.kill(&super::name(rig));
    assert_eq!(end(rig, job).code(), 137);
}

fn a_container_without_a_name_has_one_of_its_own(rig: &Rig<Bare>) {
    let mut request = script(rig, "echo ran");
    request["name"] = json!(null);
    assert_eq!(run(rig, &request).ok().out(), "ran\n");
}

fn what_is_not_there_is_named(rig: &Rig<Bare>) {
    let site = rig.engine.site();
    let try_with = |change: &dyn Fn(&mut Command)| {
        fs::write(site.folder().join("web.json"), script(rig, "true").to_string()).expect("request");
        let mut command = command(rig, "web.json");
        change(&mut command);
        site.realm.run(&mut command)
    };
    let name = site.kind.name();
    let ran = try_with(&|command| {
        command.env("PATH", site.folder());
    });
    refused(&ran, &[&format!("{name} is not installed"), &format!("apt install {name}")]);
    let ran = try_with(&|command| {
        *command = alone(rig);
    });
    refused(&ran, &["ampoule-shim is neither beside ampoule nor in PATH", "make install"]);
    let ran = site.realm.run(rig.daemon.cli().command(&["run-request", "web.json"]).current_dir(site.folder()).args([
        "--engine",
        name,
        "--rootfs",
        "/nonexistent/root",
    ]));
    refused(&ran, &["/nonexistent/root"]);
}

/// A copy of the command line that has no shim beside it.
fn alone(rig: &Rig<Bare>) -> Command {
    let site = rig.engine.site();
    let copy = site.folder().join("alone");
    programs::copy(&programs::ampoule(), &copy);
    let mut command = Command::new(copy);
    command.args(["run-request", "web.json"]).env_clear().env("AMPOULE_SOCKET", rig.daemon.socket());
    rig.engine.set_up(&mut command);
    command.env("PATH", "/nonexistent").current_dir(site.folder());
    command
}

fn what_cannot_be_honoured_is_named_with_its_place(rig: &Rig<Bare>) {
    let site = rig.engine.site();
    for (text, named) in [
        ("{\n  \"name\": \"web\",\n  args: []\n}", "web.json:3:3: not valid JSON"),
        ("", "web.json:1:0: not valid JSON"),
        ("[]", "web.json: expected an object"),
        (r#"{"args": ["true"], "privileged": true}"#, "web.json: privileged: "),
        (r#"{"args": ["true"], "volumes": []}"#, "web.json: volumes: "),
        (r#"{"args": ["true"], "command": []}"#, "web.json: command: "),
        (r#"{"args": ["true"], "name": "a b"}"#, "web.json: name: "),
        (r#"{"args": ["true"], "name": "../up"}"#, "web.json: name: "),
        (r#"{"args": ["true"], "name": "--help"}"#, "web.json: name: "),
        (r#"{"args": "true"}"#, "web.json: args: expected a list of strings"),
        (r#"{"name": "web"}"#, "web.json: args: "),
        (r#"{"args": []}"#, "web.json: args: "),
        (r#"{"args": ["true"], "env_vars": [{"name": "A-B"}]}"#, "web.json: env_vars[0].name: "),
        (
            r#"{"args": ["true"], "envVars": [{"name": "A", "fromSecretId": "x"}]}"#,
            "web.json: envVars[0].fromSecretId: ",
        ),
        (r#"{"args": ["true"], "environment": {"A": 1}}"#, "web.json: environment.A: expected a string"),
    ] {
        fs::write(site.folder().join("web.json"), text).expect("request");
        refused(&site.realm.run(&mut command(rig, "web.json")), &[named]);
        let ran = site.realm.start(&mut command(rig, "-"), text.as_bytes()).wait();
        refused(&ran, &[&named.replace("web.json", "standard input")]);
    }
    fs::write(site.folder().join("web.json"), b"{\"name\": \"\xff\"}").expect("request");
    refused(&site.realm.run(&mut command(rig, "web.json")), &["web.json: ", "UTF-8"]);
    fs::write(site.folder().join("web.json"), format!("{}{{}}", " ".repeat(1 << 20))).expect("request");
    refused(&site.realm.run(&mut command(rig, "web.json")), &["web.json", "1048576 bytes"]);
    assert!(rig.engine.leftovers().is_empty() && site.containers().is_empty());
}

on_every_runtime!(
    the_bundle_is_there_while_the_container_runs,
    a_container_without_a_name_has_one_of_its_own,
    what_is_not_there_is_named,
    what_cannot_be_honoured_is_named_with_its_place,
);
