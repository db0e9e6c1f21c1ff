//! podman with storage, configuration and runtime of the test's own.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use super::{Engine, IMAGE, Kind, Site, archive, rootless};
use crate::support::bundle::{FIRST_ID, Request};
use crate::support::process::{Job, Ran};
use crate::support::programs;

/// podman, started as root, or by a user with no rights but their own.
pub(crate) struct Podman {
    site: Site,
    /// podman 4 reads `--annotation` as a line of comma-separated values, podman 5 as it stands.
    annotations_are_csv: bool,
}

impl Podman {
    /// That of a user, to whom the site's folder belongs.
    pub(crate) fn rootless(mut site: Site) -> Self {
        rootless::prepare(&mut site);
        Self::new(site)
    }

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
        let archive = archive::of_root_file_system(&self.site);
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
             runtime_supports_nocgroup = [\"{runtime}\", \"crun\"]\n\
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
        let podman = programs::system("podman", "podman");
        let mut command = match self.site.user {
            0 => Command::new(podman),
            user => rootless::command_of(user, &podman),
        };
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").current_dir(folder);
        if self.site.user != 0 {
            command.env("XDG_RUNTIME_DIR", rootless::RUNTIME_DIR);
        }
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
        let mut places: Vec<_> = [("--root", "storage"), ("--runroot", "run"), ("--tmpdir", "tmp")].map(place).into();
        if self.site.user != 0 {
            // The one that a user can have on every kernel and file system.
            places.push("--storage-driver=vfs".to_owned());
        }
        places
    }

    /// Runs a container that leaves its output in `/out`.
    fn run_to_file(&self, name: &str, request: &Request) -> Ran {
        let out = self.site.folder().join("out");
        fs::create_dir_all(&out).expect("folder");
        fs::set_permissions(&out, Permissions::from_mode(0o777)).expect("for any user");
        let volume = format!("{}:/out", out.display());
        let mut ran = self.launch(&["run", "--rm", "--volume", &volume], request);
        ran.stdout = fs::read(out.join(name)).unwrap_or_default();
        let _ = fs::remove_dir_all(out);
        ran
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
        if let (uid @ 1.., gid) = request.user {
            podman.arg("--user").arg(format!("{uid}:{gid}"));
        }
        if request.user_namespace {
            let map = format!("0:{FIRST_ID}:65536");
            podman.args(["--uidmap", &map, "--gidmap", &map]);
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

    fn run_printing(&self, request: &Request) -> Ran {
        let args = ["sh", "-c", "exec \"$@\" >/out/text", "sh"].map(str::to_owned);
        self.run_to_file(
            "text",
            &Request { args: args.into_iter().chain(request.args.clone()).collect(), ..request.clone() },
        )
    }

    /// By a file: about one `podman run` in a thousand loses the output of a container that ends at once.
    fn run_printing_environment(&self, request: &Request) -> Ran {
        let args = ["cp", "/proc/self/environ", "/out/env"].map(str::to_owned);
        self.run_to_file("env", &Request { args: args.into(), ..request.clone() })
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

    fn keep(&self, id: &str) -> Vec<Ran> {
        let mut told = vec![self.call(&["commit", id, "kept"]), self.call(&["image", "inspect", "kept"])];
        told.push(self.call(&["events", "--stream=false", "--since", "2020-01-01T00:00:00Z"]));
        told.extend([&["logs", id][..], &["generate", "kube", id]].map(|args| self.call(args)));
        told
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

    fn site_mut(&mut self) -> &mut Site {
        &mut self.site
    }
}
