//! buildah, whose `run` executes a command in a container that is to become an image.

use std::fs;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Engine, Site, archive, nothing_done, unknown_annotations};
use crate::support::bundle::Request;
use crate::support::process::{Job, Ran, wait_until};
use crate::support::programs;

/// The container that commands run in.
const CONTAINER: &str = "work";

/// buildah, started as root.
pub(crate) struct Buildah {
    /// Before `site`: ended before its realm is.
    running: Mutex<Option<Job>>,
    site: Site,
}

impl Buildah {
    pub(crate) fn new(site: Site) -> Self {
        let settings = "[containers]\ndefault_ulimits = [\"nofile=20000:20000\", \"nproc=1024:1024\"]\n";
        fs::write(site.folder().join("containers.conf"), settings).expect("containers.conf");
        fs::create_dir(site.folder().join("tmp")).expect("folder");
        let buildah = Self { running: Mutex::new(None), site };
        let image = archive::of_image(&buildah.site);
        let from = format!("docker-archive:{}", image.display());
        buildah.call(&["from", "--name", CONTAINER, &from]).ok();
        fs::remove_file(image).expect("image");
        buildah
    }

    fn job(&self) -> MutexGuard<'_, Option<Job>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn call(&self, args: &[&str]) -> Ran {
        self.site.realm.run(&mut self.command(args))
    }

    fn command(&self, args: &[&str]) -> Command {
        let folder = self.site.folder();
        let mut command = Command::new(programs::system("buildah", "buildah"));
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("HOME", folder).current_dir(folder);
        command.env("CONTAINERS_CONF", folder.join("containers.conf")).env("TMPDIR", folder.join("tmp"));
        if let Some(config) = &self.site.shim_config {
            command.env("AMPOULE_SHIM_CONFIG", config);
        }
        let place = |option: &str, name: &str| format!("{option}={}", folder.join(name).display());
        command.args([place("--root", "storage"), place("--runroot", "run")]).args(args);
        command
    }

    fn running(&self, request: &Request) -> Command {
        let mut buildah = self.command(&["run", "--isolation", "oci", "--network", "none", "--hostname", "test"]);
        buildah.arg("--runtime").arg(&self.site.program);
        for (name, value) in &request.env {
            buildah.arg("--env").arg(format!("{name}={value}"));
        }
        for (name, value) in &request.annotations {
            buildah.arg("--annotation").arg(format!("{name}={value}"));
        }
        buildah.args([CONTAINER, "--"]).args(&request.args);
        buildah
    }

    /// The runtime, asked by itself.
    fn runtime(&self, args: &[&str]) -> Ran {
        self.site.realm.run(Command::new(&self.site.program).env_clear().args(args))
    }
}

impl Engine for Buildah {
    fn run(&self, request: &Request) -> Ran {
        self.site.realm.run(&mut self.running(request))
    }

    /// Starts it, too, and leaves it to itself: buildah waits for its end.
    fn create(&self, _: &str, request: &Request) -> Ran {
        let mut job = self.site.realm.start(&mut self.running(request), b"");
        // It has a folder for the container before it knows of it.
        wait_until("the runtime knows the container", || {
            job.check_alive();
            self.site.containers().first().is_some_and(|id| self.runtime(&["state", id]).status.success())
        });
        *self.job() = Some(job);
        nothing_done()
    }

    fn start(&self, _: &str) -> Ran {
        nothing_done()
    }

    fn start_exec(&self, _: &str, _: &[(&str, &str)], _: &[&str]) -> Job {
        unreachable!("buildah starts no second process in a container")
    }

    fn stop(&self, _: &str) {
        self.runtime(&["kill", &self.site.containers()[0], "KILL"]).ok();
        self.job().take().expect("running").wait();
    }

    /// What ran is gone by itself.
    fn delete(&self, _: &str) -> Ran {
        nothing_done()
    }

    fn inspect(&self, _: &str) -> Ran {
        self.call(&["inspect", CONTAINER])
    }

    fn keep(&self, _: &str) -> Vec<Ran> {
        [&["commit", CONTAINER, "kept"][..], &["inspect", "--type", "image", "kept"], &["containers"]]
            .map(|args| self.call(args))
            .into()
    }

    fn carries(&self, request: &Request) -> bool {
        request.annotations.is_empty()
    }

    fn does_not_carry(&self, ran: &Ran) -> bool {
        unknown_annotations(ran)
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
        &["HOSTNAME"]
    }

    fn site(&self) -> &Site {
        &self.site
    }

    fn site_mut(&mut self) -> &mut Site {
        &mut self.site
    }
}
