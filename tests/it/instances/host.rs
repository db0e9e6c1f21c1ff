//! A daemon that starts containers with an engine.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::cli::Cli;
use crate::support::daemon::Daemon;
use crate::support::engine::{Docker, Engine, IMAGE, Kind, Podman, ShimSettings, Site};
use crate::support::process::{Ran, wait_until};
use crate::support::programs;
use crate::support::rig::temporary_folder;

/// An engine that a daemon drives by its command line.
pub(crate) trait Driven: Engine {
    fn make(site: Site) -> Self;

    /// What the settings say of it.
    fn settings(&self) -> Value;

    /// The variables that its program needs.
    fn variables(&self) -> Vec<(&'static str, PathBuf)>;

    fn command_line(&self, args: &[&str]) -> Ran;
}

impl Driven for Podman {
    fn make(site: Site) -> Self {
        Self::new(site)
    }

    fn settings(&self) -> Value {
        json!({"engine": "podman", "runtime": self.runtime_name(), "engine_arguments": self.places()})
    }

    fn variables(&self) -> Vec<(&'static str, PathBuf)> {
        self.env().into()
    }

    fn command_line(&self, args: &[&str]) -> Ran {
        self.call(args)
    }
}

impl Driven for Docker {
    fn make(site: Site) -> Self {
        Self::apart(site)
    }

    fn settings(&self) -> Value {
        json!({"engine": "docker", "engine_arguments": ["--host", self.address()]})
    }

    fn variables(&self) -> Vec<(&'static str, PathBuf)> {
        vec![("HOME", self.site().folder().to_owned())]
    }

    fn command_line(&self, args: &[&str]) -> Ran {
        self.call(args)
    }
}

/// A daemon that starts containers with an engine, both in one realm.
pub(crate) struct Host<E: Driven = Podman> {
    pub(crate) daemon: Daemon,
    pub(crate) engine: E,
    /// Where the daemon's agent looks for the engine's program.
    path: String,
}

const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

impl Host {
    /// One with podman.
    pub(crate) fn new() -> Self {
        Self::with_settings(&json!({}))
    }

    /// One with podman and more under the key `instances`.
    pub(crate) fn with_settings(more: &Value) -> Self {
        Self::start(more, &json!({}))
    }
}

impl<E: Driven> Host<E> {
    /// One with more under the key `instances`, and more settings beside that.
    pub(crate) fn start(instances: &Value, beside: &Value) -> Self {
        Self::start_prepared(instances, beside, |_| {})
    }

    /// The same, with something to do before the daemon starts.
    pub(crate) fn start_prepared(instances: &Value, beside: &Value, prepare: impl FnOnce(&Daemon)) -> Self {
        Self::start_behind(programs::shim(), instances, beside, prepare)
    }

    /// The same behind this shim.
    pub(crate) fn start_behind(
        program: PathBuf,
        instances: &Value,
        beside: &Value,
        prepare: impl FnOnce(&Daemon),
    ) -> Self {
        let folder = temporary_folder();
        let daemon = Daemon::stopped(folder.path());
        let shim = ShimSettings { program, socket: daemon.socket(), deadline: "10s" };
        let engine = E::make(Site::new(folder, Kind::Runc, Some(&shim)));
        let mut settings = json!({ "instances": engine.settings() });
        merge(&mut settings["instances"], instances);
        merge(&mut settings, beside);
        fs::write(engine.site().folder().join("ampoule.yaml"), settings.to_string()).expect("ampoule.yaml");
        prepare(&daemon);
        let mut host = Self { daemon, engine, path: PATH.to_owned() };
        host.launch();
        host
    }

    /// Has the next daemons use programs of this folder before the machine's.
    pub(crate) fn prefer_programs_of(&mut self, folder: &Path) {
        self.path = format!("{}:{PATH}", folder.display());
    }

    pub(crate) fn launch(&mut self) {
        let (realm, env, path) = (&self.engine.site().realm, self.engine.variables(), &self.path);
        self.daemon.launch_by(|command| realm.spawn(command.envs(env).env("PATH", path)));
        self.daemon.wait_ready();
    }

    pub(crate) fn cli(&self) -> Cli {
        self.daemon.cli()
    }

    /// Submits a request and waits until it runs.
    #[track_caller]
    pub(crate) fn run(&self, request: &Value) -> Value {
        self.create(request, &["--wait"]).json()
    }

    pub(crate) fn create(&self, request: &Value, more: &[&str]) -> Ran {
        let args = [&["instance", "create", "--request", "-", "-o", "json"], more].concat();
        self.cli().run(&args, request.to_string().as_bytes())
    }

    #[track_caller]
    pub(crate) fn describe(&self, id: &str) -> Value {
        self.cli().run(&["instance", "describe", id, "-o", "json"], b"").json()
    }

    #[track_caller]
    pub(crate) fn wait_for_status(&self, id: &str, status: &str) {
        wait_until(&format!("the instance is {status}"), || self.describe(id)["status"] == status);
    }

    #[track_caller]
    pub(crate) fn logs(&self, id: &str) -> String {
        self.cli().run(&["instance", "logs", id], b"").ok().out()
    }

    #[track_caller]
    pub(crate) fn destroy(&self, id: &str) {
        self.cli().run(&["instance", "destroy", id], b"").ok();
    }

    /// The names of all containers that the engine has.
    pub(crate) fn containers(&self) -> Vec<String> {
        let listed = self.engine.command_line(&["ps", "--all", "--format", "{{.Names}}"]).ok().out();
        listed.lines().map(str::to_owned).collect()
    }
}

fn merge(settings: &mut Value, more: &Value) {
    for (key, value) in more.as_object().expect("an object") {
        settings[key] = value.clone();
    }
}

pub(crate) trait Json {
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
pub(crate) fn id(instance: &Value) -> String {
    instance["instance_id"].as_str().expect("an id").to_owned()
}

/// A container that prints a variable and goes on.
pub(crate) fn printing(variable: &str, secret: &str) -> Value {
    json!({
        "name": "web",
        "image_ref": IMAGE,
        "args": ["sh", "-c", format!("echo \"{variable} is ${variable}\"; exec sleep 1000")],
        "env_vars": [{"name": variable, "from_secret_id": secret}],
    })
}
