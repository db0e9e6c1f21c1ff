//! A runtime by itself, on a bundle of ours.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;

use super::{Engine, Kind, Site};
use crate::support::bundle::{Bundle, Request};
use crate::support::process::{Job, Ran, wait_until};

/// runc or crun, called as an engine calls it.
pub(crate) struct Bare {
    site: Site,
    made: AtomicU32,
}

impl Bare {
    pub(crate) fn new(site: Site) -> Self {
        Self { site, made: AtomicU32::new(0) }
    }

    /// A name for a container or bundle that was not used before.
    pub(crate) fn fresh_id(&self) -> String {
        format!("c{}", self.made.fetch_add(1, Ordering::Relaxed))
    }

    pub(crate) fn bundle(&self, id: &str, request: &Request) -> Bundle {
        let config = request.config(&self.site.rootfs, &format!("{}/{id}", self.site.cgroup.0));
        Bundle::write(self.folder(id), &config)
    }

    fn folder(&self, id: &str) -> PathBuf {
        self.site.folder().join("bundles").join(id)
    }

    /// `create` or `run` on a bundle.
    pub(crate) fn call(&self, command: &str, bundle: &Bundle, id: &str) -> Ran {
        let bundle = bundle.path.to_str().expect("UTF-8");
        self.site.realm.run(&mut self.site.runtime(&[command, "--bundle", bundle, id]))
    }

    /// What `run` does, in steps: youki 0.7 may miss the end of a container that ends at once, and wait for ever.
    fn steps(&self, bundle: &Bundle, id: &str) -> Ran {
        const STEPS: &str = r#"
            bundle=$1 id=$2
            shift 2
            "$@" create --bundle "$bundle" "$id" || exit
            "$@" start "$id" || exit
            while "$@" state "$id" | grep -q '"running"'; do sleep 0.02; done
            "$@" delete "$id""#;
        let runtime = self.site.runtime(&[]);
        let mut steps = Command::new("/bin/sh");
        steps.args(["-c", STEPS, "sh"]).arg(&bundle.path).arg(id).arg(runtime.get_program()).args(runtime.get_args());
        steps.env_clear().envs(runtime.get_envs().filter_map(|(name, value)| Some((name, value?))));
        self.site.realm.run(steps.current_dir(self.site.folder()))
    }

    /// Another command about a container.
    pub(crate) fn command(&self, args: &[&str]) -> Ran {
        self.site.realm.run(&mut self.site.runtime(args))
    }

    /// Writes a process's description as engines do: the container's own, with other arguments and some variables more.
    pub(crate) fn describe(&self, id: &str, env: &[(&str, &str)], args: &[&str]) -> PathBuf {
        let config = fs::read(self.folder(id).join("config.json")).expect("config.json");
        let mut process = serde_json::from_slice::<Value>(&config).expect("JSON")["process"].take();
        process["args"] = args.into();
        let variables = process["env"].as_array_mut().expect("env");
        for (name, value) in env {
            let is_same = |entry: &Value| entry.as_str().is_some_and(|entry| entry.split('=').next() == Some(name));
            variables.retain(|entry| !is_same(entry));
            variables.push(format!("{name}={value}").into());
        }
        let path = self.site.folder().join(format!("process-{}.json", self.made.fetch_add(1, Ordering::Relaxed)));
        fs::write(&path, process.to_string()).expect("process.json");
        path
    }

    /// What the runtime calls the container's condition; empty if it doesn't know the container.
    pub(crate) fn status(&self, id: &str) -> String {
        let state: Value = serde_json::from_slice(&self.command(&["state", id]).stdout).unwrap_or_default();
        state["status"].as_str().unwrap_or_default().to_owned()
    }
}

impl Engine for Bare {
    fn run(&self, request: &Request) -> Ran {
        let id = self.fresh_id();
        let bundle = self.bundle(&id, request);
        let ran = if self.site.kind == Kind::Youki { self.steps(&bundle, &id) } else { self.call("run", &bundle, &id) };
        assert!(bundle.is_pristine(), "the bundle is not as it was");
        ran
    }

    fn create(&self, id: &str, request: &Request) -> Ran {
        self.call("create", &self.bundle(id, request), id)
    }

    fn start(&self, id: &str) -> Ran {
        self.command(&["start", id])
    }

    fn start_exec(&self, id: &str, env: &[(&str, &str)], args: &[&str]) -> Job {
        let path = self.describe(id, env, args);
        self.site.realm.start(&mut self.site.runtime(&["exec", "--process", path.to_str().expect("UTF-8"), id]), b"")
    }

    fn stop(&self, id: &str) {
        self.command(&["kill", id, "KILL"]).ok();
        wait_until("the container is stopped", || self.status(id) == "stopped");
    }

    fn delete(&self, id: &str) -> Ran {
        self.command(&["delete", "--force", id])
    }

    fn inspect(&self, id: &str) -> Ran {
        self.command(&["state", id])
    }

    fn refusal_code(&self) -> i32 {
        1
    }

    fn logged_errors(&self) -> Option<Vec<Value>> {
        let text = fs::read_to_string(self.site.log()).unwrap_or_default();
        let lines = text.lines().map(|line| serde_json::from_str(line).expect("a log line is JSON"));
        Some(lines.filter(|line: &Value| line["level"] == "error").collect())
    }

    fn keeps_order(&self) -> bool {
        self.site.kind != Kind::Youki
    }

    fn keeps_order_of_added(&self) -> bool {
        self.site.kind != Kind::Youki
    }

    fn adds(&self) -> &'static [&'static str] {
        &[]
    }

    fn site(&self) -> &Site {
        &self.site
    }

    fn site_mut(&mut self) -> &mut Site {
        &mut self.site
    }
}
