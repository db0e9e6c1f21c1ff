//! Instances on a real engine: from a request to their end.

mod crowd;
mod dashboard;
mod desk;
mod devbox;
mod files;
mod life;
mod power;
mod restart;
mod sessions;

use std::fs;

use serde_json::{Value, json};

use crate::support::cli::Cli;
use crate::support::daemon::Daemon;
use crate::support::engine::{Engine, IMAGE, Kind, Podman, ShimSettings, Site};
use crate::support::process::{Ran, wait_until};
use crate::support::programs;
use crate::support::rig::temporary_folder;

/// A daemon that starts containers with podman, both in one realm.
struct Host {
    daemon: Daemon,
    podman: Podman,
}

impl Host {
    fn new() -> Self {
        Self::with_settings(&json!({}))
    }

    /// With more under the key `instances`.
    fn with_settings(more: &Value) -> Self {
        Self::with(more, &json!({}))
    }

    /// The same with more settings beside.
    fn with(more: &Value, beside: &Value) -> Self {
        let folder = temporary_folder();
        let daemon = Daemon::stopped(folder.path());
        let shim = ShimSettings { program: programs::shim(), socket: daemon.socket(), deadline: "10s" };
        let podman = Podman::new(Site::new(folder, Kind::Runc, Some(&shim)));
        let mut instances = json!({
            "engine": "podman",
            "runtime": podman.runtime_name(),
            "engine_arguments": podman.places(),
        });
        for (key, value) in more.as_object().expect("an object") {
            instances[key] = value.clone();
        }
        let mut settings = beside.clone();
        settings["instances"] = instances;
        fs::write(podman.site().folder().join("ampoule.yaml"), settings.to_string()).expect("ampoule.yaml");
        let mut host = Self { daemon, podman };
        host.launch();
        host
    }

    fn launch(&mut self) {
        let (realm, env) = (&self.podman.site().realm, self.podman.env());
        self.daemon.launch_by(|command| realm.spawn(command.envs(env).env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")));
        self.daemon.wait_ready();
    }

    fn cli(&self) -> Cli {
        self.daemon.cli()
    }

    /// Submits a request and waits until it runs.
    #[track_caller]
    fn run(&self, request: &Value) -> Value {
        self.create(request, &["--wait"]).json()
    }

    fn create(&self, request: &Value, more: &[&str]) -> Ran {
        let args = [&["instance", "create", "--request", "-", "-o", "json"], more].concat();
        self.cli().run(&args, request.to_string().as_bytes())
    }

    #[track_caller]
    fn describe(&self, id: &str) -> Value {
        self.cli().run(&["instance", "describe", id, "-o", "json"], b"").json()
    }

    #[track_caller]
    fn wait_for_status(&self, id: &str, status: &str) {
        wait_until(&format!("the instance is {status}"), || self.describe(id)["status"] == status);
    }

    #[track_caller]
    fn logs(&self, id: &str) -> String {
        self.cli().run(&["instance", "logs", id], b"").ok().out()
    }

    #[track_caller]
    fn destroy(&self, id: &str) {
        self.cli().run(&["instance", "destroy", id], b"").ok();
    }

    /// The names of all containers that podman has.
    fn containers(&self) -> Vec<String> {
        let listed = self.podman.call(&["ps", "--all", "--format", "{{.Names}}"]).ok().out();
        listed.lines().map(str::to_owned).collect()
    }
}

trait Json {
    fn json(&self) -> Value;
}

impl Json for Ran {
    #[track_caller]
    fn json(&self) -> Value {
        assert_eq!(self.code(), 0, "{}", self.err());
        serde_json::from_slice(&self.stdout).expect("JSON")
    }
}

#[track_caller]
fn id(instance: &Value) -> String {
    instance["instance_id"].as_str().expect("an id").to_owned()
}

/// A container that prints a variable and goes on.
fn printing(variable: &str, secret: &str) -> Value {
    json!({
        "name": "web",
        "image_ref": IMAGE,
        "args": ["sh", "-c", format!("echo \"{variable} is ${variable}\"; exec sleep 1000")],
        "env_vars": [{"name": variable, "from_secret_id": secret}],
    })
}
