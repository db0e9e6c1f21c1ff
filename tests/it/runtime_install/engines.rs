//! Engines that read what `ampoule runtime install` wrote.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::snapshot;
use crate::support::daemon::Daemon;
use crate::support::engine::{Engine, IMAGE, Kind, Podman, Site, on_each_kind};
use crate::support::installed::Installed;
use crate::support::process::{Ran, wait_until};
use crate::support::programs;
use crate::support::realm::{Cgroups, Realm};
use crate::support::rig::temporary_folder;

/// A daemon, and podman with a `/etc` of the test's own.
struct Machine {
    daemon: Daemon,
    installed: Installed,
    podman: Podman,
}

impl Machine {
    fn new(kind: Kind) -> Self {
        let folder = temporary_folder();
        let daemon = Daemon::start(folder.path());
        let installed = Installed::below(folder.path());
        let podman = Podman::new(Site::new(folder, kind, None));
        podman.site().realm.own_etc();
        let machine = Self { daemon, installed, podman };
        // What the test's podman needs on any machine, now as the machine's administrator would say it.
        let settings = fs::read(machine.podman.site().folder().join("containers.conf")).expect("containers.conf");
        fs::write(machine.etc().join("containers/containers.conf"), settings).expect("containers.conf");
        fs::create_dir_all(machine.etc().join("ampoule")).expect("folder");
        let shim = format!("socket: {}\n", machine.daemon.socket().display());
        fs::write(machine.etc().join("ampoule/shim.yaml"), shim).expect("shim.yaml");
        machine
    }

    fn etc(&self) -> PathBuf {
        self.podman.site().realm.outside("/etc")
    }

    fn ampoule(&self, args: &[&str]) -> Ran {
        self.podman.site().realm.run(&mut self.installed.command(args))
    }

    /// `podman run` by this runtime, and the environment that the container had.
    fn run(&self, runtime: &str, env: &str) -> (Ran, String) {
        let site = self.podman.site();
        let out = site.folder().join("out");
        fs::create_dir_all(&out).expect("folder");
        let mut podman = Command::new(programs::system("podman", "podman"));
        podman.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("HOME", site.folder());
        podman.args(self.podman.places()).args(["--runtime", runtime, "run", "--rm", "--env", env]);
        podman.arg("--volume").arg(format!("{}:/out", out.display()));
        if site.kind == Kind::Runc {
            podman.args(["--cgroup-parent", &site.cgroup.0]);
        }
        let ran = site.realm.run(podman.args([IMAGE, "cp", "/proc/self/environ", "/out/env"]));
        let seen = fs::read_to_string(out.join("env")).unwrap_or_default();
        let _ = fs::remove_file(out.join("env"));
        (ran, seen)
    }
}

fn podman_starts_containers_by_the_shim_until_uninstall(kind: Kind) {
    let machine = Machine::new(kind);
    let runtime = format!("ampoule-{}", kind.name());
    let secret = machine.daemon.cli().add("the value");
    let asking = format!("A=ampoule://{secret}");
    let original = snapshot(&machine.etc());
    assert_ne!(machine.run(&runtime, &asking).0.code(), 0, "podman knows {runtime} without us");

    machine.ampoule(&["runtime", "install", "--engine", "podman"]).ok();
    let (ran, seen) = machine.run(&runtime, &asking);
    ran.ok();
    assert!(seen.split('\0').any(|variable| variable == "A=the value"), "{seen:?}");
    // That podman has the shim's own words shows that it takes its errors as JSON.
    let (ran, seen) = machine.run(&runtime, "A=ampoule://sec_nonesuch");
    assert!(ran.code() == 126 && ran.err().contains("sec_nonesuch") && seen.is_empty(), "{}", ran.err());
    // What podman could do before it still can.
    let (ran, seen) = machine.run(kind.name(), &asking);
    ran.ok();
    assert!(seen.contains(&asking), "{seen:?}");

    let default = machine.etc().join("containers/containers.conf.d/zz.conf");
    fs::write(&default, format!("[engine]\nruntime = \"{runtime}\"\n")).expect("zz.conf");
    let ran = machine.ampoule(&["runtime", "uninstall", "--engine", "podman"]);
    assert!(ran.code() == 1 && ran.err().contains("zz.conf:2:11: `runtime` is one of these"), "{}", ran.err());
    fs::remove_file(default).expect("zz.conf");
    machine.ampoule(&["runtime", "uninstall", "--engine", "podman"]).ok();
    assert_eq!(snapshot(&machine.etc()), original);
    assert_ne!(machine.run(&runtime, &asking).0.code(), 0, "podman still knows {runtime}");
}

on_each_kind!(podman_starts_containers_by_the_shim_until_uninstall);

/// dockerd without what would touch the machine.
#[test]
fn docker_knows_the_runtimes_after_a_reload() {
    let folder = temporary_folder();
    let installed = Installed::below(folder.path());
    let realm = Realm::new(Cgroups::Machine);
    let path = |name: &str| folder.path().join(name);
    let text = format!(
        "{:#}",
        json!({
            "bridge": "none", "iptables": false, "storage-driver": "vfs",
            "hosts": [format!("unix://{}", path("docker.sock").display())],
            "data-root": path("data"), "exec-root": "/run/docker", "pidfile": path("pid"),
        })
    );
    let file = path("daemon.json");
    fs::write(&file, &text).expect("daemon.json");
    let start = || {
        let mut dockerd = Command::new(programs::system("dockerd", "docker.io"));
        dockerd.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").arg("--config-file").arg(&file);
        realm.start(&mut dockerd, b"")
    };
    let docker = start();
    let runtimes = || {
        let mut curl = Command::new(programs::system("curl", "curl"));
        curl.args(["--silent", "--unix-socket"]).arg(path("docker.sock")).arg("http://docker/info");
        let info: Value = serde_json::from_slice(&realm.run(&mut curl).stdout).unwrap_or_default();
        info["Runtimes"].clone()
    };
    wait_until("dockerd answers", || runtimes().is_object());
    assert!(runtimes()["ampoule"].is_null());
    let ampoule = |command| {
        let args = ["runtime", command, "--engine", "docker", "--file", file.to_str().expect("UTF-8")];
        realm.run(&mut installed.command(&args)).ok();
    };
    ampoule("install");
    docker.signal(Signal::SIGHUP);
    wait_until("Docker knows the runtimes", || runtimes()["ampoule"].is_object());
    for (name, link) in
        [("ampoule", "ampoule-runc"), ("ampoule-runc", "ampoule-runc"), ("ampoule-crun", "ampoule-crun")]
    {
        assert_eq!(runtimes()[name]["path"], installed.program(link).to_str().expect("UTF-8"), "{name}");
    }
    ampoule("uninstall");
    assert_eq!(fs::read_to_string(&file).expect("daemon.json"), text);
    docker.signal(Signal::SIGTERM);
    docker.wait();
    let _docker = start();
    wait_until("dockerd answers again", || runtimes().is_object());
    assert!(runtimes()["ampoule"].is_null());
}

#[test]
fn containerd_reads_the_runtime() {
    let folder = temporary_folder();
    let installed = Installed::below(folder.path());
    let file = folder.path().join("config.toml");
    let realm = Realm::new(Cgroups::Machine);
    for text in [None, Some(super::CONFIG_TOML)] {
        if let Some(text) = text {
            fs::write(&file, text).expect("config.toml");
        }
        let args = ["--engine", "containerd", "--file", file.to_str().expect("UTF-8")];
        realm.run(&mut installed.command(&[&["runtime", "install"][..], &args].concat())).ok();
        let mut containerd = Command::new(programs::system("containerd", "containerd"));
        let dump = realm.run(containerd.arg("--config").arg(&file).args(["config", "dump"])).ok().out();
        let (_, ours) = dump.split_once(".containerd.runtimes.ampoule]").expect("the runtime");
        for part in [
            "runtime_type = \"io.containerd.runc.v2\"",
            "pod_annotations = [\"ampoule.dev/*\"]",
            "container_annotations = [\"ampoule.dev/*\"]",
            &format!("BinaryName = \"{}\"", installed.program("ampoule-runc").display()),
        ] {
            assert!(ours.contains(part), "{part}: {dump}");
        }
        assert!(text.is_none() || dump.contains("bin_dir = \"/usr/lib/cni\""), "{dump}");
        realm.run(&mut installed.command(&[&["runtime", "uninstall"][..], &args].concat())).ok();
        assert_eq!(fs::read_to_string(&file).ok().as_deref(), text);
    }
}
