//! `ampoule doctor`: what it finds, and what it says to do.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::daemon::Daemon;
use crate::support::installed::Installed;
use crate::support::process::{self, Ran};
use crate::support::programs;
use crate::support::realm::{Cgroups, Realm};
use crate::support::rig::temporary_folder;

/// A host on which all is well: a daemon, the programs, and the shim's settings.
struct Host {
    daemon: Daemon,
    installed: Installed,
    /// With a `/etc` of its own.
    realm: Realm,
    folder: TempDir,
}

impl Host {
    fn new() -> Self {
        let folder = temporary_folder();
        let daemon = Daemon::start(folder.path());
        let installed = Installed::below(folder.path());
        let realm = Realm::new(Cgroups::Machine);
        realm.own_etc();
        let host = Self { daemon, installed, realm, folder };
        host.settings(&format!("socket: {}\n", host.daemon.socket().display()));
        fs::create_dir(host.path("engines")).expect("folder");
        host
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn settings(&self, text: &str) {
        fs::write(self.path("shim.yaml"), text).expect("shim.yaml");
    }

    /// An engine, or what says that it is one.
    fn engine(&self, name: &str, says: &str) {
        let path = self.path("engines").join(name);
        fs::write(&path, format!("#!/bin/sh\necho '{says}'\n")).expect("script");
        fs::set_permissions(&path, Permissions::from_mode(0o755)).expect("mode");
    }

    /// With the engines of the folder alone.
    fn run(&self, args: &[&str]) -> Ran {
        let mut doctor = self.installed.command(&[&["doctor"], args].concat());
        doctor.env("PATH", self.path("engines")).env("AMPOULE_SHIM_CONFIG", self.path("shim.yaml"));
        doctor.env("AMPOULE_SOCKET", self.daemon.socket()).env("AMPOULE_STATE_DIR", self.daemon.state());
        self.realm.run(&mut doctor)
    }

    fn checks(&self) -> (i32, Vec<Value>) {
        let ran = self.run(&["-o", "json"]);
        let checks: Value = serde_json::from_slice(&ran.stdout).unwrap_or_else(|_| panic!("{}", ran.err()));
        (ran.code(), checks.as_array().expect("a list").clone())
    }

    /// The check of this name has this level and says this, and the exit code fits the levels.
    #[track_caller]
    fn expect(&self, name: &str, level: &str, says: &str) {
        let (code, checks) = self.checks();
        let found = checks.iter().find(|check| check["check"] == name && check["level"] == level);
        let found = found.unwrap_or_else(|| panic!("{name} is not {level}: {checks:#?}"));
        let text = format!("{} {}", found["message"], found["remedy"]);
        assert!(text.contains(says), "{text}");
        assert_eq!(found["remedy"] == "", level == "ok", "{found}");
        let fails = checks.iter().any(|check| check["level"] == "fail");
        assert_eq!(code, i32::from(fails), "{checks:#?}");
    }
}

/// The real one, so that its version is.
fn engine(host: &Host, name: &str) {
    symlink(programs::system(name, name), host.path("engines").join(name)).expect("link");
}

#[test]
fn all_is_well_and_each_line_says_so() {
    let host = Host::new();
    engine(&host, "podman");
    let ran = host.run(&[]);
    assert_eq!(ran.code(), 0, "{}", ran.out());
    assert!(ran.out().lines().all(|line| ["ok    ", "warn  ", "      "].contains(&&line[..6])), "{}", ran.out());
    for (name, says) in [
        ("podman", "/engines/podman"),
        ("runc", "bin/ampoule-runc"),
        ("crun", "bin/ampoule-crun"),
        ("shim settings", "ampoule.sock"),
        ("daemon", "can record accesses"),
        ("socket", "mode 0660, user 0"),
        ("root key", "the vault is open; "),
    ] {
        host.expect(name, "ok", says);
    }
}

#[test]
fn engines_are_known_by_their_versions() {
    let host = Host::new();
    host.expect("engine", "warn", "Install one of them");
    host.engine("podman", "podman version 3.0.1");
    host.engine("dockerd", "Docker version 99.1.0, build x");
    host.engine("containerd", "containerd");
    host.engine("buildah", "buildah version 1.28.2 (image-spec 1.0.2-dev, runtime-spec 1.0.2-dev)");
    host.expect("podman", "warn", "older than 4.3");
    host.expect("docker", "warn", "newer than 26.1");
    host.expect("containerd", "warn", "does not say its version");
    host.expect("buildah", "ok", "1.28.2");
}

#[test]
fn what_keeps_the_shim_from_its_work() {
    let host = Host::new();
    host.settings("socket: /run/elsewhere.sock\n");
    host.expect("shim settings", "warn", "asks at /run/elsewhere.sock");
    host.settings("sokcet: /run/elsewhere.sock\n");
    host.expect("shim settings", "fail", "shim.yaml");
    fs::remove_file(host.path("shim.yaml")).expect("shim.yaml");
    host.expect("shim settings", "fail", "shim.yaml, or unset AMPOULE_SHIM_CONFIG.");
    host.settings("");
    fs::set_permissions(host.path("shim.yaml"), Permissions::from_mode(0o664)).expect("mode");
    host.expect("shim settings", "fail", "chmod go-w ");
    fs::set_permissions(host.path("shim.yaml"), Permissions::from_mode(0o644)).expect("mode");
    fs::remove_file(host.installed.program("ampoule-crun")).expect("link");
    host.expect("shim", "fail", "ampoule-crun does not lead to the shim");
    fs::remove_file(host.installed.program("ampoule-shim")).expect("link");
    host.expect("shim", "fail", "make build install");
}

/// A program that names no interpreter is told from one that does.
#[test]
fn a_shim_that_needs_libraries_is_noticed() {
    let host = Host::new();
    let shim = host.installed.program("ampoule-shim");
    let (level, says) = if is_static(&programs::shim()) { ("ok", "static") } else { ("warn", "is not static") };
    host.expect("shim", level, says);
    fs::remove_file(&shim).expect("link");
    symlink(programs::system("busybox", "busybox-static"), &shim).expect("link");
    host.expect("shim", "ok", "ampoule-shim, static");
    fs::remove_file(&shim).expect("link");
    fs::write(&shim, "#!/bin/sh\n").expect("script");
    host.expect("shim", "fail", "no program for this machine");
}

fn is_static(program: &Path) -> bool {
    memchr::memmem::find(&fs::read(program).expect("the shim"), b"/ld-linux").is_none()
}

#[test]
fn what_is_wrong_with_the_daemon() {
    let mut host = Host::new();
    let socket = host.daemon.socket();
    fs::set_permissions(&socket, Permissions::from_mode(0o666)).expect("mode");
    host.expect("socket", "warn", "every user may connect");
    fs::set_permissions(&socket, Permissions::from_mode(0o660)).expect("mode");
    fs::set_permissions(host.folder.path(), Permissions::from_mode(0o777)).expect("mode");
    host.expect("socket", "fail", "put a socket in this one's place");
    fs::set_permissions(host.folder.path(), Permissions::from_mode(0o700)).expect("mode");
    let key = host.daemon.state().join("root.key");
    fs::set_permissions(&key, Permissions::from_mode(0o444)).expect("mode");
    host.expect("root key", "fail", "others may read");
    fs::set_permissions(&key, Permissions::from_mode(0o400)).expect("mode");
    host.daemon.kill();
    host.expect("daemon", "fail", "Start it with `ampoule serve`");
    fs::remove_file(&key).expect("key");
    host.expect("root key", "warn", "restore it from its copy");
}

#[test]
fn a_runtime_that_an_engine_knows_must_be_there() {
    let host = Host::new();
    engine(&host, "podman");
    let ampoule = |args: &[&str]| host.realm.run(&mut host.installed.command(args)).ok().out();
    // Whatever the machine's own settings say.
    ampoule(&["runtime", "uninstall", "--engine", "podman"]);
    host.expect("podman runtimes", "warn", "ampoule runtime install --engine podman`");
    ampoule(&["runtime", "install", "--engine", "podman"]);
    host.expect(
        "podman runtimes",
        "ok",
        "ampoule-runc, ampoule-crun in /etc/containers/containers.conf.d/ampoule.conf",
    );
    fs::remove_file(host.installed.program("ampoule-crun")).expect("link");
    host.expect("podman runtimes", "fail", "bin/ampoule-crun, where no program is");
    let file = host.realm.outside("/etc/containers/containers.conf.d/ampoule.conf");
    fs::write(file, "[engine\n").expect("drop-in");
    host.expect("podman runtimes", "fail", "ampoule.conf:1:");
}

/// podman reads the file that `CONTAINERS_CONF` names alone, and so do we.
#[test]
fn the_settings_that_podman_is_told_to_read_are_looked_at() {
    let host = Host::new();
    let file = host.path("named.conf");
    let ampoule = |args: &[&str]| {
        let mut command = host.installed.command(args);
        host.realm.run(command.env("CONTAINERS_CONF", &file)).ok().out()
    };
    let machines = host.realm.outside("/etc/containers");
    host.realm.run(Command::new("/bin/rm").args(["-rf", "/etc/containers"])).ok();
    ampoule(&["runtime", "install", "--engine", "podman"]);
    assert!(fs::read_to_string(&file).expect("named.conf").contains("ampoule-crun") && !machines.exists());
    let shown = ampoule(&["runtime", "status", "--engine", "podman"]);
    assert!(shown.contains("named.conf") && shown.contains("registered"), "{shown}");
    ampoule(&["runtime", "uninstall", "--engine", "podman"]);
    assert!(!file.exists());
}

#[test]
fn a_run_directory_that_others_may_write_in_is_noticed() {
    let host = Host::new();
    let mut mount = Command::new(programs::system("mount", "mount"));
    host.realm.run(mount.args(["-t", "tmpfs", "tmpfs", "/run"])).ok();
    let run = host.realm.outside("/run/ampoule");
    fs::create_dir(&run).expect("folder");
    host.expect("run directory", "ok", "in memory");
    fs::set_permissions(&run, Permissions::from_mode(0o777)).expect("mode");
    host.expect("run directory", "fail", "of mode 755");
}

#[test]
fn a_daemon_whose_program_was_replaced_is_to_be_restarted() {
    let folder = temporary_folder();
    let program = folder.path().join("ampoule-of-before");
    programs::copy(&programs::ampoule(), &program);
    let daemon = Daemon::start_program(program.clone(), folder.path());
    let doctor = || process::run(&mut daemon.cli().command(&["doctor"]), b"").out();
    assert!(doctor().contains("ok    daemon program: "), "{}", doctor());
    fs::remove_file(&program).expect("program");
    assert!(doctor().contains("warn  daemon program: the daemon runs a program that was replaced"), "{}", doctor());
}

#[test]
fn it_is_about_this_host() {
    let host = Host::new();
    let ran = host.run(&["--endpoint", "https://vault.example.org"]);
    assert!(ran.code() == 2 && ran.err().contains("about this host"), "{}", ran.err());
}
