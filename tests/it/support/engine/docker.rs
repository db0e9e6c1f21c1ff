//! Docker: a daemon of the test's own, with a containerd of its own, whose runtime is set in `daemon.json`.

use std::fs;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::json;

use super::{Engine, IMAGE, Site, archive, unknown_annotations};
use crate::support::bundle::Request;
use crate::support::process::{Job, Ran, wait_until};
use crate::support::programs;

/// The runtime's name in `daemon.json`.
const RUNTIME: &str = "ampoule";

/// dockerd and its client.
pub(crate) struct Docker {
    /// Before `site`: ended before its realm is.
    daemon: Mutex<Option<Job>>,
    site: Site,
    /// Docker 25 and newer have `--annotation`.
    has_annotations: bool,
    /// Whether it has a network of its own, and a bridge in it.
    is_apart: bool,
}

impl Docker {
    pub(crate) fn new(site: Site) -> Self {
        Self::of(site, false)
    }

    /// One whose containers have a network: a bridge, in a network namespace that goes with dockerd.
    pub(crate) fn apart(site: Site) -> Self {
        Self::of(site, true)
    }

    fn of(mut site: Site, is_apart: bool) -> Self {
        site.state = site.folder().join(format!("exec/runtime-{RUNTIME}/moby"));
        let mut settings = json!({
            "runtimes": { RUNTIME: { "path": site.program } },
            "data-root": site.folder().join("data"),
            "exec-root": site.folder().join("exec"),
            "pidfile": site.folder().join("docker.pid"),
            "hosts": [address(&site)],
            "bridge": "none",
            "iptables": false,
            "cgroup-parent": site.cgroup.0,
            "default-ulimits": { "nofile": { "Name": "nofile", "Soft": 20000, "Hard": 20000 } },
            "live-restore": true,
            // What it tells then is searched for values.
            "debug": true,
        });
        if is_apart {
            settings["bridge"] = json!("");
            settings["ip6tables"] = json!(false);
        }
        fs::write(site.folder().join("daemon.json"), settings.to_string()).expect("daemon.json");
        let mut docker = Self { daemon: Mutex::new(None), site, has_annotations: false, is_apart };
        docker.start_daemon();
        let image = archive::of_root_file_system(&docker.site);
        docker.call(&["import", image.to_str().expect("UTF-8"), IMAGE]).ok();
        fs::remove_file(image).expect("image");
        docker.has_annotations = docker.call(&["run", "--help"]).ok().out().contains("--annotation ");
        docker
    }

    /// Starts dockerd, and waits until it answers.
    pub(crate) fn start_daemon(&self) {
        let program = programs::system("dockerd", "docker.io");
        let mut dockerd = if self.is_apart {
            let mut apart = super::logging_to(&self.site, "dockerd", programs::system("unshare", "util-linux"));
            apart.args(["--net", "/bin/sh", "-c", "ip link set lo up && exec \"$0\" \"$@\""]).arg(program);
            apart
        } else {
            super::logging_to(&self.site, "dockerd", program)
        };
        dockerd.arg("--config-file").arg(self.site.folder().join("daemon.json"));
        let mut job = self.site.realm.start(&mut dockerd, b"");
        wait_until("dockerd answers", || {
            job.check_alive();
            self.call(&["version"]).status.success()
        });
        *self.daemon() = Some(job);
    }

    /// The process whose network it has.
    pub(crate) fn pid(&self) -> u32 {
        self.daemon().as_ref().expect("running").pid()
    }

    /// What `kill -9` does to dockerd; its containerd lives on.
    pub(crate) fn kill_daemon(&self) {
        let mut job = self.daemon().take().expect("running");
        job.kill();
        job.wait();
    }

    fn daemon(&self) -> MutexGuard<'_, Option<Job>> {
        self.daemon.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn call(&self, args: &[&str]) -> Ran {
        self.site.realm.run(&mut self.command(args))
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(programs::system("docker", "docker.io"));
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("HOME", self.site.folder());
        command.args(["--host", &self.address()]).args(args).current_dir(self.site.folder());
        command
    }

    /// Where dockerd listens.
    pub(crate) fn address(&self) -> String {
        address(&self.site)
    }

    /// `docker run` or `docker create` with these options.
    pub(crate) fn launch(&self, command: &[&str], request: &Request) -> Ran {
        self.launch_on(RUNTIME, command, request)
    }

    /// The same on a runtime of this name, such as dockerd's own.
    pub(crate) fn launch_on(&self, runtime: &str, command: &[&str], request: &Request) -> Ran {
        let mut docker = self.command(command);
        docker.args(["--runtime", runtime, "--network", "none", "--hostname", "test"]);
        for (name, value) in &request.env {
            docker.arg("--env").arg(format!("{name}={value}"));
        }
        for (name, value) in &request.annotations {
            docker.arg("--annotation").arg(format!("{name}={value}"));
        }
        self.site.realm.run(docker.arg(IMAGE).args(&request.args))
    }
}

fn address(site: &Site) -> String {
    format!("unix://{}", site.folder().join("docker.sock").display())
}

impl Engine for Docker {
    fn run(&self, request: &Request) -> Ran {
        self.launch(&["run", "--rm"], request)
    }

    fn create(&self, id: &str, request: &Request) -> Ran {
        // Only a note of its own: dockerd calls the runtime at the start.
        self.launch(&["create", "--name", id], request)
    }

    fn start(&self, id: &str) -> Ran {
        self.call(&["start", id])
    }

    fn start_exec(&self, id: &str, env: &[(&str, &str)], args: &[&str]) -> Job {
        let mut docker = self.command(&["exec"]);
        for (name, value) in env {
            docker.arg("--env").arg(format!("{name}={value}"));
        }
        self.site.realm.start(docker.arg(id).args(args), b"")
    }

    fn stop(&self, id: &str) {
        self.call(&["stop", "--time", "0", id]).ok();
    }

    fn delete(&self, id: &str) -> Ran {
        self.call(&["rm", "--force", id])
    }

    fn inspect(&self, id: &str) -> Ran {
        self.call(&["inspect", id])
    }

    fn keep(&self, id: &str) -> Vec<Ran> {
        let mut told = vec![self.call(&["commit", id, "kept"]), self.call(&["image", "inspect", "kept"])];
        let now = jiff::Timestamp::now().to_string();
        told.push(self.call(&["events", "--since", "2020-01-01T00:00:00Z", "--until", &now]));
        told.extend([&["logs", id][..], &["top", id], &["diff", id], &["info"]].map(|args| self.call(args)));
        told
    }

    fn carries(&self, request: &Request) -> bool {
        self.has_annotations || request.annotations.is_empty()
    }

    fn does_not_carry(&self, ran: &Ran) -> bool {
        unknown_annotations(ran)
    }

    fn refusal_code(&self) -> i32 {
        125
    }

    fn logged_errors(&self) -> Option<Vec<serde_json::Value>> {
        None
    }

    fn keeps_order(&self) -> bool {
        false
    }

    fn adds(&self) -> &'static [&'static str] {
        &["HOSTNAME"]
    }

    fn site(&self) -> &Site {
        &self.site
    }

    fn site_mut(&mut self) -> &mut Site {
        &mut self.site
    }
}
