//! containerd by its own client, `ctr`.

use std::fs;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use super::{Engine, IMAGE, Site, archive, nothing_done};
use crate::support::bundle::Request;
use crate::support::process::{Job, Ran, wait_until};
use crate::support::programs;

/// containerd and `ctr`.
pub(crate) struct Containerd {
    /// Before `site`: ended before its realm is.
    daemon: Job,
    site: Site,
    made: AtomicU32,
}

impl Containerd {
    pub(crate) fn new(mut site: Site) -> Self {
        site.state = site.folder().join("runc/default");
        let folder = site.folder().display();
        let settings = format!(
            "version = 2\n\
             root = \"{folder}/root\"\n\
             state = \"{folder}/state\"\n\
             disabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n\
             [grpc]\n\
             address = \"{folder}/c.sock\"\n\
             [debug]\n\
             level = \"debug\"\n"
        );
        fs::write(site.folder().join("config.toml"), settings).expect("config.toml");
        let mut daemon = super::logging_to(&site, "containerd", programs::system("containerd", "containerd"));
        daemon.arg("--config").arg(site.folder().join("config.toml"));
        let daemon = site.realm.start(&mut daemon, b"");
        let mut containerd = Self { daemon, site, made: AtomicU32::new(0) };
        wait_until("containerd answers", || {
            containerd.daemon.check_alive();
            containerd.call(&["version"]).status.success()
        });
        let image = archive::of_image(&containerd.site);
        containerd.call(&["images", "import", image.to_str().expect("UTF-8")]).ok();
        fs::remove_file(image).expect("image");
        containerd
    }

    pub(crate) fn call(&self, args: &[&str]) -> Ran {
        self.site.realm.run(&mut self.command(args))
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(programs::system("ctr", "containerd"));
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").current_dir(self.site.folder());
        command.arg("--address").arg(self.site.folder().join("c.sock")).args(args);
        command
    }

    /// `ctr run` with these options.
    fn launch(&self, options: &[&str], id: &str, request: &Request) -> Ran {
        let mut ctr = self.command(&["run", "--runtime", "io.containerd.runc.v2"]);
        ctr.arg("--runc-binary").arg(&self.site.program).arg("--runc-root").arg(self.site.folder().join("runc"));
        ctr.arg("--cgroup").arg(format!("{}/{id}", self.site.cgroup.0)).args(options);
        for (name, value) in &request.env {
            ctr.arg("--env").arg(format!("{name}={value}"));
        }
        for (name, value) in &request.annotations {
            ctr.arg("--annotation").arg(format!("{name}={value}"));
        }
        self.site.realm.run(ctr.arg(format!("{IMAGE}:latest")).arg(id).args(&request.args))
    }
}

impl Engine for Containerd {
    fn run(&self, request: &Request) -> Ran {
        let id = format!("c{}", self.made.fetch_add(1, Ordering::Relaxed));
        self.launch(&["--rm"], &id, request)
    }

    /// Starts it, too: `ctr` has nothing in between.
    fn create(&self, id: &str, request: &Request) -> Ran {
        self.launch(&["--detach", "--null-io"], id, request)
    }

    fn start(&self, _: &str) -> Ran {
        nothing_done()
    }

    /// The variables stand in the command: `ctr` has no option for them.
    fn start_exec(&self, id: &str, env: &[(&str, &str)], args: &[&str]) -> Job {
        let exec = format!("e{}", self.made.fetch_add(1, Ordering::Relaxed));
        let mut ctr = self.command(&["tasks", "exec", "--exec-id", &exec, id]);
        if !env.is_empty() {
            ctr.arg("env").args(env.iter().map(|(name, value)| format!("{name}={value}")));
        }
        self.site.realm.start(ctr.args(args), b"")
    }

    fn stop(&self, id: &str) {
        self.call(&["tasks", "kill", "--signal", "SIGKILL", id]).ok();
        wait_until("the container is stopped", || self.call(&["tasks", "list"]).ok().out().contains("STOPPED"));
    }

    fn delete(&self, id: &str) -> Ran {
        self.call(&["tasks", "delete", "--force", id]);
        self.call(&["containers", "delete", id])
    }

    fn inspect(&self, id: &str) -> Ran {
        self.call(&["containers", "info", id])
    }

    fn keep(&self, id: &str) -> Vec<Ran> {
        [&["snapshots", "info", id][..], &["tasks", "metrics", id], &["content", "list"]]
            .map(|args| self.call(args))
            .into()
    }

    fn refusal_code(&self) -> i32 {
        1
    }

    fn logged_errors(&self) -> Option<Vec<serde_json::Value>> {
        None
    }

    fn keeps_order(&self) -> bool {
        true
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
