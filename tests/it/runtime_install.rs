//! `ampoule runtime`: what it does to the settings of engines, and that the engines then start containers by the shim.

mod engines;

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};

use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::installed::Installed;
use crate::support::process::{self, Ran};
use crate::support::rig::temporary_folder;

/// Settings as hands write them: keys that nobody knows, numbers that few can hold, comments, odd spacing.
const DAEMON_JSON: &str = "{\n  \"log-driver\" : \"journald\",\n\n  \"x-unknown\": {\"big\": 18446744073709551616, \"f\": 1.50},\n  \
     \"runtimes\": {\n    \"kata\": { \"path\": \"/usr/bin/kata\" }\n  },\n  \"debug\": false }\n";
const CONFIG_TOML: &str = "# by hand\nversion = 2\nroot   = '/var/lib/containerd' # here\n\n[plugins]\n  [plugins.\"io.containerd.grpc.v1.cri\"]\n    \
     [plugins.\"io.containerd.grpc.v1.cri\".cni]\n      bin_dir = \"/usr/lib/cni\"\n\n\n# the end";
const DROP_IN: &str = "[containers]\npids_limit=77 # by hand\n\n[engine]\nruntime='crun'\n";

/// Each engine, what its file is called, and what a hand may have written there.
const ENGINES: [(&str, &str, &str); 3] = [
    ("docker", "daemon.json", DAEMON_JSON),
    ("containerd", "config.toml", CONFIG_TOML),
    ("podman", "ampoule.conf", DROP_IN),
];

/// The programs, and an engine's settings in a folder of their own.
struct Bench {
    folder: TempDir,
    installed: Installed,
}

impl Bench {
    fn new() -> Self {
        let folder = temporary_folder();
        let installed = Installed::below(folder.path());
        fs::create_dir(folder.path().join("etc")).expect("folder");
        Self { folder, installed }
    }

    fn etc(&self) -> PathBuf {
        self.folder.path().join("etc")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.etc().join(name)
    }

    /// `ampoule runtime COMMAND` on a file of the folder.
    fn run(&self, command: &str, engine: &str, name: &str, more: &[&str]) -> Ran {
        let file = self.file(name);
        let args = ["runtime", command, "--engine", engine, "--file", file.to_str().expect("UTF-8")];
        process::run(&mut self.installed.command(&[&args, more].concat()), b"")
    }

    fn status(&self, engine: &str, name: &str) -> Value {
        serde_json::from_slice(&self.run("status", engine, name, &["-o", "json"]).ok().stdout).expect("JSON")
    }
}

/// Every file below a folder, with its mode, owner and bytes.
fn snapshot(folder: &Path) -> BTreeMap<PathBuf, (u32, u32, Vec<u8>)> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let meta = fs::symlink_metadata(&path).expect("an entry");
            if meta.is_dir() {
                folders.push(path);
            } else {
                let content = if meta.is_file() {
                    fs::read(&path).expect("a file")
                } else {
                    fs::read_link(&path).map(|to| to.into_os_string().into_encoded_bytes()).unwrap_or_default()
                };
                found.insert(path, (meta.mode(), meta.uid(), content));
            }
        }
    }
    found
}

/// What `CONTAINERS_CONF` names is written only where that can harm nobody; to look at it is another thing.
#[test]
fn what_is_no_file_or_somebody_else_s_is_left_alone() {
    let bench = Bench::new();
    let others = bench.file("others.conf");
    fs::write(&others, DROP_IN).expect("file");
    chown(&others, Some(7), Some(7)).expect("owner");
    let call = |command: &str, file: &Path| {
        let mut ampoule = bench.installed.command(&["runtime", command, "--engine", "podman"]);
        process::run(ampoule.env("CONTAINERS_CONF", file), b"")
    };
    // A device that nothing else needs.
    let device = bench.folder.path().join("null");
    mknod(&device, SFlag::S_IFCHR, Mode::from_bits_truncate(0o666), makedev(1, 3)).expect("device");
    for (file, says) in [(&device, "null is no file"), (&others, "user 7's"), (&bench.etc(), "is no file")] {
        let seen = || (fs::metadata(file).expect("there").file_type(), snapshot(&bench.etc()));
        let before = seen();
        for command in ["install", "uninstall"] {
            let ran = call(command, file);
            assert!(ran.code() == 1 && ran.err().contains(says), "{}", ran.err());
        }
        assert_eq!(seen(), before);
    }
    for file in [&others, Path::new("/dev/null")] {
        assert!(call("status", file).ok().out().contains("not registered"));
    }
}

#[test]
fn uninstall_brings_back_every_byte_and_a_second_install_changes_nothing() {
    for (engine, name, text) in ENGINES {
        for before in [Some(text), None] {
            let bench = Bench::new();
            if let Some(text) = before {
                fs::write(bench.file(name), text).expect("file");
                fs::set_permissions(bench.file(name), Permissions::from_mode(0o640)).expect("mode");
                chown(bench.file(name), Some(7), Some(7)).expect("owner");
            }
            let original = snapshot(&bench.etc());
            let dry = bench.run("install", engine, name, &["--dry-run"]).ok().out();
            assert_eq!(snapshot(&bench.etc()), original, "{engine}: --dry-run wrote something");
            let said = bench.run("install", engine, name, &[]).ok().out();
            let changes = |said: &str| {
                said.lines().filter(|line| line.starts_with(['+', '-', '@'])).map(str::to_owned).collect::<Vec<_>>()
            };
            assert_eq!(changes(&dry), changes(&said), "{engine}");
            assert!(said.contains("+++ ") && said.contains("ampoule-runc"), "{said}");
            assert!(said.contains(if engine == "podman" {
                "Nothing is to be restarted"
            } else {
                "Next: systemctl re"
            }));
            let added = snapshot(&bench.etc());
            let (mode, owner, _) = added[&bench.file(name)];
            assert_eq!((mode & 0o7777, owner), if before.is_some() { (0o640, 7) } else { (0o644, 0) }, "{engine}");

            let again = bench.run("install", engine, name, &[]).ok().out();
            assert!(again.starts_with("Nothing is to be changed: "), "{again}");
            assert_eq!(snapshot(&bench.etc()), added, "{engine}: the second install changed something");

            let said = bench.run("uninstall", engine, name, &["--dry-run"]).ok().out();
            assert!(said.contains("\n-") && snapshot(&bench.etc()) == added, "{said}");
            bench.run("uninstall", engine, name, &[]).ok();
            assert_eq!(snapshot(&bench.etc()), original, "{engine}: not what it was");
            let again = bench.run("uninstall", engine, name, &[]).ok().out();
            assert!(again.starts_with("Nothing is to be changed: "), "{again}");
        }
    }
}

#[test]
fn what_was_changed_meanwhile_stays() {
    for (engine, name, text) in ENGINES {
        let bench = Bench::new();
        fs::write(bench.file(name), text).expect("file");
        bench.run("install", engine, name, &[]).ok();
        let (from, to) = match engine {
            "docker" => ("\"debug\": false", "\"debug\": true"),
            "containerd" => ("/usr/lib/cni", "/opt/cni"),
            _ => ("pids_limit=77", "pids_limit=78"),
        };
        let now = fs::read_to_string(bench.file(name)).expect("file");
        fs::write(bench.file(name), now.replace(from, to)).expect("file");
        let said = bench.run("uninstall", engine, name, &[]).ok().out();
        assert!(said.contains("left what else was changed"), "{said}");
        assert_eq!(fs::read_to_string(bench.file(name)).expect("file"), text.replace(from, to), "{engine}");
        let kept = bench.file(&format!("{name}.ampoule-backup"));
        assert_eq!(fs::read_to_string(kept).expect("backup"), text, "{engine}");
    }
}

#[test]
fn what_is_malformed_is_named_with_its_place_and_left_alone() {
    for (engine, name, text, place) in [
        ("docker", "daemon.json", "{\n  \"debug\": true,\n  \"hush\": \"s3cr3t\"x\n}", ":3:19: "),
        ("docker", "daemon.json", "{\"runtimes\": [\"s3cr3t\"]}", ":1:14: `runtimes` is not an object"),
        ("containerd", "config.toml", "version = 2\nhush = s3cr3t\n", ":2:8: "),
        ("containerd", "config.toml", "[plugins.cri]\n", ":1:1: the layout is not of version 2 or 3"),
        ("podman", "ampoule.conf", "[engine]\nruntimes = \"s3cr3t\"\n", ":2:12: `runtimes` is not a table"),
    ] {
        let bench = Bench::new();
        fs::write(bench.file(name), text).expect("file");
        let original = snapshot(&bench.etc());
        for command in ["install", "uninstall", "status"] {
            let ran = bench.run(command, engine, name, &[]);
            let said = ran.err();
            assert_eq!(ran.code(), 1, "{command}: {said}");
            assert!(said.contains(&format!("{name}{place}")) && !said.contains("s3cr3t"), "{command}: {said}");
            assert_eq!(snapshot(&bench.etc()), original, "{command} wrote something");
        }
    }
}

#[test]
fn a_default_that_is_ours_is_not_taken_away() {
    for (engine, name, text) in [
        ("docker", "daemon.json", "{\"default-runtime\": \"ampoule\"}"),
        ("podman", "ampoule.conf", "[engine]\nruntime = \"ampoule-runc\"\n"),
        (
            "containerd",
            "config.toml",
            "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\".containerd]\ndefault_runtime_name = \"ampoule\"\n",
        ),
    ] {
        let bench = Bench::new();
        fs::write(bench.file(name), text).expect("file");
        bench.run("install", engine, name, &[]).ok();
        let installed = snapshot(&bench.etc());
        let ran = bench.run("uninstall", engine, name, &[]);
        // Where it was so before the install, that is not for uninstall to break either.
        assert!(
            ran.code() == 1 && ran.err().contains("name another one first"),
            "{engine}: {}{}",
            ran.out(),
            ran.err()
        );
        assert_eq!(snapshot(&bench.etc()), installed, "{engine}");
    }
}

#[test]
fn status_tells_what_is_registered_and_where() {
    for (engine, name, _) in ENGINES {
        let bench = Bench::new();
        let before = &bench.status(engine, name)[0];
        assert_eq!((&before["engine"], &before["runtimes"]), (&Value::from(engine), &Value::from(Vec::<Value>::new())));
        bench.run("install", engine, name, &[]).ok();
        let after = &bench.status(engine, name)[0];
        assert_eq!(after["file"], bench.file(name).to_str().expect("UTF-8"));
        for runtime in after["runtimes"].as_array().expect("a list") {
            assert_eq!(runtime["found"], true, "{after}");
        }
        fs::remove_file(bench.installed.program("ampoule-runc")).expect("link");
        assert_eq!(bench.status(engine, name)[0]["runtimes"][0]["found"], false);
        assert!(bench.run("status", engine, name, &[]).ok().out().contains("program missing"));
    }
}

#[test]
fn without_the_shim_nothing_is_registered() {
    let bench = Bench::new();
    fs::remove_file(bench.installed.program("ampoule-crun")).expect("link");
    let ran = bench.run("install", "docker", "daemon.json", &[]);
    assert!(ran.code() == 1 && ran.err().contains("bin/ampoule-crun is not there"), "{}", ran.err());
    assert!(ran.err().contains("make install") && snapshot(&bench.etc()).is_empty());
    for args in [
        &["runtime", "install"][..],
        &["runtime", "install", "--engine", "rkt"],
        &["runtime", "status", "--file", "/x"],
    ] {
        assert_eq!(process::run(&mut bench.installed.command(args), b"").code(), 2, "{args:?}");
    }
}

#[test]
fn a_user_s_own_settings_are_where_the_user_has_them() {
    for (engine, place) in [
        ("podman", "containers/containers.conf.d/ampoule.conf"),
        ("docker", "docker/daemon.json"),
        ("containerd", "containerd/config.toml"),
    ] {
        for variable in ["XDG_CONFIG_HOME", "HOME"] {
            let bench = Bench::new();
            let below = if variable == "HOME" { ".config" } else { "" };
            let run = |command| {
                let mut ampoule = bench.installed.command(&["runtime", command, "--engine", engine, "--rootless"]);
                process::run(ampoule.env(variable, bench.etc()), b"").ok().out()
            };
            let said = run("install");
            assert!(bench.etc().join(below).join(place).is_file(), "{said}");
            assert!(engine == "podman" || said.contains("systemctl --user re"), "{said}");
            run("uninstall");
            assert!(snapshot(&bench.etc()).is_empty(), "{engine}");
        }
    }
}

#[test]
fn podman_s_lists_are_those_of_the_files_before_ours() {
    let bench = Bench::new();
    let folder = bench.file("containers/containers.conf.d");
    fs::create_dir_all(&folder).expect("folder");
    for (name, runtime) in [("aa.conf", "before"), ("zz.conf", "after")] {
        let text = format!("[engine]\nruntime_supports_json = [\"{runtime}\"]\n");
        fs::write(folder.join(name), text).expect("drop-in");
    }
    let install = || {
        let mut ampoule = bench.installed.command(&["runtime", "install", "--engine", "podman", "--rootless"]);
        process::run(ampoule.env("XDG_CONFIG_HOME", bench.etc()), b"").ok().out()
    };
    let said = install();
    assert!(said.contains("runtime_supports_json = [\"before\", \"ampoule-runc\", \"ampoule-crun\"]"), "{said}");
    assert!(install().starts_with("Nothing is to be changed: "));
}

#[test]
fn a_file_may_be_named_from_where_one_is() {
    let bench = Bench::new();
    let mut ampoule = bench.installed.command(&["runtime", "install", "--engine", "docker", "--file", "daemon.json"]);
    process::run(ampoule.current_dir(bench.etc()), b"").ok();
    assert_eq!(bench.status("docker", "daemon.json")[0]["runtimes"][0]["name"], "ampoule");
}

#[test]
fn a_link_stays_a_link() {
    let bench = Bench::new();
    fs::create_dir(bench.file("real")).expect("folder");
    fs::write(bench.file("real/docker.json"), DAEMON_JSON).expect("file");
    symlink("real/docker.json", bench.file("daemon.json")).expect("link");
    let original = snapshot(&bench.etc());
    bench.run("install", "docker", "daemon.json", &[]).ok();
    assert!(bench.file("daemon.json").is_symlink() && bench.file("real/docker.json.ampoule-backup").is_file());
    assert!(fs::read_to_string(bench.file("real/docker.json")).expect("file").contains("ampoule-runc"));
    bench.run("uninstall", "docker", "daemon.json", &[]).ok();
    assert_eq!(snapshot(&bench.etc()), original);
}
