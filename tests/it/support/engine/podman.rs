//! podman with storage, configuration and runtime of the test's own.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::{Engine, Kind, Site};
use crate::support::bundle::Request;
use crate::support::process::{Job, Ran};
use crate::support::programs;

/// The only image there is.
pub(crate) const IMAGE: &str = "localhost/ampoule-test";

/// podman, started as root.
pub(crate) struct Podman {
    site: Site,
    /// podman 4 reads `--annotation` as a line of comma-separated values, podman 5 as it stands.
    annotations_are_csv: bool,
}

impl Podman {
    pub(crate) fn new(site: Site) -> Self {
        programs::system("conmon", "conmon");
        let mut podman = Self { site, annotations_are_csv: false };
        fs::write(podman.site.folder().join("containers.conf"), podman.configuration()).expect("containers.conf");
        podman.import_image();
        let help = podman.call(&["run", "--help"]).ok().out();
        podman.annotations_are_csv = help.lines().any(|line| line.trim().starts_with("--annotation strings"));
        podman
    }

    fn import_image(&self) {
        let archive = self.site.folder().join("image.tar");
        let mut tar = Command::new(programs::system("tar", "tar"));
        self.site.realm.run(tar.arg("-C").arg(&self.site.rootfs).arg("-cf").arg(&archive).arg(".")).ok();
        self.call(&["import", archive.to_str().expect("UTF-8"), IMAGE]).ok();
        fs::remove_file(archive).expect("image archive");
    }

    /// As a machine's administrator would write it; the limits are ones that an unprivileged VM can set.
    fn configuration(&self) -> String {
        let runtime = self.runtime_name();
        let program = self.site.program.display();
        let settings = self.site.shim_config.as_ref();
        let settings = settings.map_or(String::new(), |path| format!(", \"AMPOULE_SHIM_CONFIG={}\"", path.display()));
        let folder = self.site.folder().display();
        let cgroups = if self.site.kind == Kind::Crun { "cgroups = \"disabled\"\n" } else { "" };
        format!(
            "[containers]\n\
             netns = \"none\"\n\
             {cgroups}\
             default_ulimits = [\"nofile=20000:20000\", \"nproc=1024:1024\"]\n\
             [network]\n\
             network_config_dir = \"{folder}/networks\"\n\
             [engine]\n\
             cgroup_manager = \"cgroupfs\"\n\
             events_logger = \"file\"\n\
             conmon_env_vars = [\"PATH=/usr/sbin:/usr/bin:/sbin:/bin\"{settings}]\n\
             runtime_supports_json = [\"{runtime}\"]\n\
             runtime_supports_nocgroup = [\"{runtime}\"]\n\
             [engine.runtimes]\n\
             {runtime} = [\"{program}\"]\n"
        )
    }

    /// What the settings call the runtime; it is not the default one.
    pub(crate) fn runtime_name(&self) -> String {
        self.site.program.file_name().expect("program").to_string_lossy().into_owned()
    }

    /// podman's command line. To be run in the realm.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let folder = self.site.folder();
        let mut command = Command::new(programs::system("podman", "podman"));
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").current_dir(folder);
        command.envs(self.env()).args(self.places()).args(["--runtime", &self.runtime_name()]).args(args);
        command
    }

    /// The environment in which podman finds its settings.
    pub(crate) fn env(&self) -> [(&'static str, PathBuf); 2] {
        let folder = self.site.folder();
        [("HOME", folder.to_owned()), ("CONTAINERS_CONF", folder.join("containers.conf"))]
    }

    /// The arguments that say where podman keeps everything.
    pub(crate) fn places(&self) -> Vec<String> {
        let place = |(option, name)| format!("{option}={}", self.site.folder().join(name).display());
        [("--root", "storage"), ("--runroot", "run"), ("--tmpdir", "tmp")].map(place).into()
    }

    pub(crate) fn call(&self, args: &[&str]) -> Ran {
        self.site.realm.run(&mut self.command(args))
    }

    /// `podman run` or `podman create` with these options.
    pub(crate) fn launch(&self, command: &[&str], request: &Request) -> Ran {
        let mut podman = self.command(command);
        podman.args(["--hostname", "test"]);
        if self.site.kind == Kind::Runc {
            podman.args(["--cgroup-parent", &self.site.cgroup.0]);
        }
        for (name, value) in &request.env {
            podman.arg("--env").arg(format!("{name}={value}"));
        }
        for (name, value) in &request.annotations {
            let annotation = format!("{name}={value}");
            let quoted = || format!("\"{}\"", annotation.replace('"', "\"\""));
            podman.arg("--annotation").arg(if self.annotations_are_csv { quoted() } else { annotation });
        }
        self.site.realm.run(podman.arg(IMAGE).args(&request.args))
    }
}

impl Engine for Podman {
    fn run(&self, request: &Request) -> Ran {
        self.launch(&["run", "--rm"], request)
    }

    /// By a file: about one `podman run` in a thousand loses the output of a container that ends at once.
    fn run_printing_environment(&self, request: &Request) -> Ran {
        let out = self.site.folder().join("out");
        fs::create_dir_all(&out).expect("folder");
        let volume = format!("{}:/out", out.display());
        let request =
            Request { args: ["cp", "/proc/self/environ", "/out/env"].map(str::to_owned).into(), ..request.clone() };
        let mut ran = self.launch(&["run", "--rm", "--volume", &volume], &request);
        ran.stdout = fs::read(out.join("env")).unwrap_or_default();
        let _ = fs::remove_dir_all(out);
        ran
    }

    fn create(&self, id: &str, request: &Request) -> Ran {
        self.launch(&["create", "--name", id], request).ok();
        // What podman calls create is a note in its database: init calls the runtime.
        self.call(&["init", id])
    }

    fn start(&self, id: &str) -> Ran {
        self.call(&["start", id])
    }

    fn start_exec(&self, id: &str, env: &[(&str, &str)], args: &[&str]) -> Job {
        let mut podman = self.command(&["exec"]);
        for (name, value) in env {
            podman.arg("--env").arg(format!("{name}={value}"));
        }
        self.site.realm.start(podman.arg(id).args(args), b"")
    }

    fn stop(&self, id: &str) {
        self.call(&["stop", "--time", "0", id]).ok();
    }

    fn delete(&self, id: &str) -> Ran {
        self.call(&["rm", "--force", "--time", "0", id])
    }

    fn inspect(&self, id: &str) -> Ran {
        self.call(&["inspect", id])
    }

    fn refusal_code(&self) -> i32 {
        126
    }

    fn logged_errors(&self) -> Option<Vec<serde_json::Value>> {
        None
    }

    fn keeps_order(&self) -> bool {
        false
    }

    fn adds(&self) -> &'static [&'static str] {
        &["TERM", "container", "HOSTNAME"]
    }

    fn site(&self) -> &Site {
        &self.site
    }
}
