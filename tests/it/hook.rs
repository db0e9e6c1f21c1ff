//! podman's `precreate` hook, with runtimes that know nothing of Ampoule.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::canary::places;
use crate::support::bundle::Request;
use crate::support::daemon::Daemon;
use crate::support::engine::{Engine, Kind, Podman, Site, on_each_kind};
use crate::support::process::{self, Ran, wait_until};
use crate::support::programs;
use crate::support::rig::temporary_folder;
use crate::support::rpc::Rpc;
use crate::support::search::Needle;

/// podman with its own runtime, and the hook in a folder of hooks.
struct Hooked {
    daemon: Daemon,
    podman: Podman,
    /// Where the system's log would be listened for.
    syslog: UnixDatagram,
    _disk: TempDir,
}

impl Hooked {
    /// One whose storage is in memory.
    fn in_memory(kind: Kind) -> Self {
        Self::new(kind, true, "")
    }

    fn new(kind: Kind, in_memory: bool, settings: &str) -> Self {
        let folder = temporary_folder();
        let mut daemon = Daemon::stopped(folder.path());
        let (socket, path) = (daemon.socket(), folder.path().to_owned());
        let settings = format!("socket: {}\ndeadline: 2s\n{settings}", socket.display());
        fs::write(path.join("hook.yaml"), settings).expect("hook.yaml");
        symlink(programs::shim(), hook_in(&path)).expect("link to the shim");
        let hook = json!({
            "version": "1.0.0",
            "hook": {"path": hook_in(&path), "env": [format!("AMPOULE_SHIM_CONFIG={}", path.join("hook.yaml").display())]},
            "when": {"always": true},
            "stages": ["precreate"],
        });
        fs::create_dir(path.join("hooks")).expect("folder");
        fs::write(path.join("hooks/ampoule.json"), hook.to_string()).expect("hook");
        let site = Site::new(folder, kind, None);
        // Where it sees the containers' processes.
        daemon.launch_by(|command: &mut Command| site.realm.spawn(command));
        daemon.wait_ready();
        let syslog = site.realm.outside("/run/systemd/journal/dev-log");
        fs::create_dir_all(syslog.parent().expect("folder")).expect("folder");
        let syslog = UnixDatagram::bind(syslog).expect("socket");
        syslog.set_read_timeout(Some(Duration::from_secs(10))).expect("timeout");
        let disk = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("folder");
        let mut mount = Command::new(programs::system("mount", "mount"));
        // The folder may be on a disk or not.
        if in_memory {
            mount.args(["-t", "tmpfs", "tmpfs"]);
        } else {
            mount.arg("--bind").arg(disk.path());
        }
        fs::create_dir(path.join("storage")).expect("folder");
        site.realm.run(mount.arg(path.join("storage"))).ok();
        Self { daemon, podman: Podman::new(site), syslog, _disk: disk }
    }

    fn folder(&self) -> &Path {
        self.podman.site().folder()
    }

    /// `podman run` or `podman create` with the hook.
    fn launch(&self, command: &[&str], request: &Request) -> Ran {
        let hooks = self.folder().join("hooks");
        let hooks = ["--hooks-dir", hooks.to_str().expect("UTF-8")];
        self.podman.launch(&[&hooks, command].concat(), request)
    }

    fn call(&self, args: &[&str]) -> Ran {
        let hooks = self.folder().join("hooks");
        self.podman.call(&[&["--hooks-dir", hooks.to_str().expect("UTF-8")], args].concat())
    }

    /// Every place that holds a value, but for the container's own processes.
    fn places(&self, needle: &Needle) -> Vec<PathBuf> {
        let mut found = places(needle, &self.podman, "canary");
        // Its storage is mounted inside alone.
        found.extend(needle.search(&self.podman.site().realm.outside(self.folder().to_str().expect("UTF-8"))));
        found
    }

    /// The next message in the system's log.
    fn logged(&self) -> String {
        let mut message = [0; 4096];
        let length = self.syslog.recv(&mut message).expect("a message");
        String::from_utf8(message[..length].to_vec()).expect("UTF-8")
    }

    #[track_caller]
    fn refused(&self, request: &Request, parts: &[&str]) {
        let ran = self.launch(&["run", "--rm"], request);
        assert_ne!(ran.code(), 0, "{}", ran.out());
        assert_eq!(ran.out(), "");
        let message = self.logged();
        assert!(message.starts_with("<35>ampoule-hook["), "{message}");
        for part in parts {
            assert!(message.contains(part), "{message:?} doesn't say {part:?}");
        }
        assert_eq!(self.call(&["ps", "--all", "--quiet"]).out(), "", "a container is left");
    }
}

fn hook_in(folder: &Path) -> PathBuf {
    folder.join("ampoule-hook")
}

/// The hook by itself, as podman calls it.
fn filter(folder: &Path, args: &[&str], config: &str) -> Ran {
    let mut hook = Command::new(hook_in(folder));
    hook.env_clear().env("AMPOULE_SHIM_CONFIG", folder.join("hook.yaml")).args(args);
    process::run(&mut hook, config.as_bytes())
}

fn what_was_asked_for_is_in_the_container_and_nowhere_else(kind: Kind) {
    let hooked = Hooked::in_memory(kind);
    let needle = Needle::random();
    let secret = hooked.daemon.cli().add(needle.value());
    let request = Request::sleeping()
        .annotation("ampoule.dev/env.A", &secret)
        .env("B", &format!("ampoule://{secret}"))
        .env("PLAIN", "as it was");
    hooked.launch(&["create", "--name", "canary"], &request).ok();
    hooked.call(&["init", "canary"]).ok();
    let nowhere = |when: &str| {
        let found = hooked.places(&needle);
        assert!(found.is_empty(), "{when}: {found:?}");
    };
    nowhere("created");
    hooked.call(&["start", "canary"]).ok();
    wait_until("the container has the value", || !needle.search_processes(|_| true).is_empty());
    nowhere("running");
    let mut seen = environment(&hooked, "canary");
    seen.retain(|variable| !variable.starts_with("PATH=") && !variable.starts_with("HO"));
    let value = needle.value();
    for variable in [format!("A={value}"), format!("B={value}"), "PLAIN=as it was".to_owned()] {
        assert!(seen.contains(&variable), "{seen:?}");
    }
    let rows = hooked.daemon.cli().usage(&[]);
    let names: Vec<&Value> = rows.iter().map(|row| &row["names"]).collect();
    assert_eq!((names, &rows[0]["state"]), (vec![&json!(["B", "A"])], &json!("running")), "{rows:?}");
    let shown: Value = serde_json::from_str(&hooked.call(&["inspect", "canary"]).ok().out()).expect("JSON");
    let shown = shown[0]["Config"]["Env"].as_array().expect("Env").clone();
    assert!(shown.contains(&json!(format!("B=ampoule://{secret}"))), "{shown:?}");

    // What a restart gives it is the current version.
    let next = Needle::random();
    hooked.daemon.cli().set(&secret, next.value());
    hooked.call(&["restart", "--time", "0", "canary"]).ok();
    wait_until("the container has the new value", || !next.search_processes(|_| true).is_empty());
    assert!(environment(&hooked, "canary").contains(&format!("A={}", next.value())));
    assert!(hooked.places(&next).is_empty());
    hooked.call(&["rm", "--force", "--time", "0", "canary"]).ok();
    assert!(hooked.places(&next).is_empty(), "deleted");

    assert!(hooked.daemon.cli().usage(&[]).is_empty());
    let fates = |action: &str| hooked.daemon.cli().audit().iter().filter(|entry| entry["action"] == action).count();
    assert_eq!((fates("vault.object.injected"), fates("vault.object.released")), (2, 2));
    let entries = hooked.daemon.cli().injections();
    assert_eq!(entries.len(), 4, "{entries:?}");
    let told = &entries[0]["attributes"];
    assert_eq!(told["engine"], "podman", "{entries:?}");
    assert_eq!(told["container_id"].as_str().map(str::len), Some(64), "{entries:?}");
}

/// The environment of a container's first process.
fn environment(hooked: &Hooked, id: &str) -> Vec<String> {
    let cat = hooked.call(&["exec", id, "cat", "/proc/1/environ"]).ok();
    cat.out().split_terminator('\0').map(str::to_owned).collect()
}

fn a_bundle_on_a_disk_gets_no_value(kind: Kind) {
    let hooked = Hooked::new(kind, false, "");
    let needle = Needle::random();
    let secret = hooked.daemon.cli().add(needle.value());
    let request = Request::printing_environment().env("A", &format!("ampoule://{secret}"));
    hooked.refused(&request, &["to a disk", "storage/overlay-containers/", "ampoule-shim", "allow_plaintext_bundle"]);
    let file = Request::new(&["true"]).annotation("ampoule.dev/file.A", &secret);
    hooked.refused(&file, &["as files", "ampoule-shim"]);
    let told: Vec<Value> =
        hooked.daemon.cli().injections().into_iter().map(|mut told| told["attributes"].take()).collect();
    for (told, says) in told.iter().zip(["to a disk", "as files"]) {
        assert!(told["reason"].as_str().expect("a reason").contains(says), "{told}");
        assert_eq!((&told["outcome"], &told["engine"]), (&json!("failed"), &json!("podman")));
        assert_eq!(told["container_id"].as_str().map(str::len), Some(64), "{told}");
    }
    assert_eq!(told.len(), 2, "the vault was asked: {told:?}");
    // Who asks for nothing is not in the way.
    hooked.launch(&["run", "--rm"], &Request::new(&["true"])).ok();
}

fn a_disk_that_is_allowed_is_cleaned(kind: Kind) {
    let hooked = Hooked::new(kind, false, "allow_plaintext_bundle: true\n");
    let needle = Needle::random();
    let secret = hooked.daemon.cli().add(needle.value());
    let request = Request::sleeping().env("A", &format!("ampoule://{secret}"));
    hooked.launch(&["run", "--detach", "--name", "canary"], &request).ok();
    assert!(environment(&hooked, "canary").contains(&format!("A={}", needle.value())));
    let found = hooked.places(&needle);
    assert!(found.is_empty(), "{found:?}");
    hooked.call(&["rm", "--force", "--time", "0", "canary"]).ok();
}

/// What an annotation puts a secret in the place of is nobody else's business either.
fn what_stood_there_before_is_in_no_argument(kind: Kind) {
    let hooked = Hooked::in_memory(kind);
    let secret = hooked.daemon.cli().add("alpha");
    let (first, second) = (Needle::random(), Needle::random());
    let request =
        Request::sleeping().env("A", first.value()).annotation("ampoule.dev/env.A", &secret).env("B", second.value());
    hooked.launch(&["create", "--name", "canary"], &request).ok();
    hooked.call(&["init", "canary"]).ok();
    let shown: Value = serde_json::from_str(&hooked.call(&["inspect", "canary"]).ok().out()).expect("JSON");
    let config = PathBuf::from(shown[0]["OCIConfigPath"].as_str().expect("a path"));
    let config = hooked.podman.site().realm.outside(config.to_str().expect("UTF-8"));
    let config: Value = serde_json::from_slice(&fs::read(config).expect("config.json")).expect("JSON");
    let hook = &config["hooks"]["createRuntime"].as_array().expect("hooks").last().expect("ours");
    assert!(!hook["args"].to_string().contains(first.value()), "{hook}");
    // It is back for all that.
    let env = config["process"]["env"].as_array().expect("a list");
    for variable in [format!("A={}", first.value()), format!("B={}", second.value())] {
        assert!(env.contains(&json!(variable)), "{env:?}");
    }
    hooked.call(&["rm", "--force", "--time", "0", "canary"]).ok();
}

/// What the searches above are worth: a value that is not taken out again is found.
fn a_plain_variable_is_found(kind: Kind) {
    let hooked = Hooked::in_memory(kind);
    let needle = Needle::random();
    hooked.launch(&["create", "--name", "canary"], &Request::sleeping().env("A", needle.value())).ok();
    hooked.call(&["init", "canary"]).ok();
    let found = hooked.places(&needle);
    assert!(found.iter().any(|path| path.ends_with("userdata/config.json")), "{found:?}");
}

fn failures_reach_the_system_s_log(kind: Kind) {
    let mut hooked = Hooked::in_memory(kind);
    let secret = hooked.daemon.cli().add("alpha");
    let asking = |reference: &str| Request::printing_environment().env("A", reference);
    hooked.refused(&asking("ampoule://sec_nonesuch"), &["A", "sec_nonesuch"]);
    hooked.refused(&asking("ampoule://"), &["process.env[", "not a secret id"]);
    // The daemon doesn't record what it doesn't take: it is told like a refusal of the hook's own.
    let long = Request::printing_environment().env(&"A".repeat(300), &format!("ampoule://{secret}"));
    hooked.refused(&long, &["255"]);
    let told: Vec<Value> =
        hooked.daemon.cli().injections().into_iter().map(|mut told| told["attributes"].take()).collect();
    let outcomes: Vec<&Value> = told.iter().map(|told| &told["outcome"]).collect();
    assert_eq!(outcomes, ["unknown", "failed", "failed"], "{told:?}");
    // The second hook can't take the values out again.
    let reference = json!({ "container": { "id": "c" }, "references": [{ "name": "A", "object_id": secret }] });
    let answer =
        Rpc::new(&hooked.daemon.socket()).call("ampoule.v1.InjectionService/Resolve", &reference).expect("resolved");
    let injection = answer["injectionId"].as_str().expect("an id");
    let socket = hooked.daemon.socket();
    let args = ["scrub", injection, socket.to_str().expect("UTF-8"), "A"];
    let ran = filter(hooked.folder(), &args, r#"{"id": "c", "bundle": "/nonexistent", "pid": 1}"#);
    assert!(ran.code() == 1 && ran.err().contains("can't be taken out of /nonexistent/config.json"), "{}", ran.err());
    assert!(hooked.daemon.cli().usage(&[]).is_empty());
    let entries = hooked.daemon.cli().audit();
    let told = entries.iter().find(|entry| entry["action"] == "vault.object.injected").expect("an entry");
    assert_eq!(
        (&told["attributes"]["outcome"], &told["attributes"]["injection"]),
        (&json!("failed"), &json!(injection))
    );
    hooked.daemon.kill();
    hooked.refused(&asking(&format!("ampoule://{secret}")), &["Ampoule daemon"]);
}

on_each_kind!(
    what_was_asked_for_is_in_the_container_and_nowhere_else,
    a_bundle_on_a_disk_gets_no_value,
    a_disk_that_is_allowed_is_cleaned,
    what_stood_there_before_is_in_no_argument,
    a_plain_variable_is_found,
    failures_reach_the_system_s_log,
);

#[test]
fn what_asks_for_nothing_passes_byte_for_byte() {
    let folder = temporary_folder();
    symlink(programs::shim(), hook_in(folder.path())).expect("link to the shim");
    fs::write(folder.path().join("hook.yaml"), "socket: /nonexistent\n").expect("hook.yaml");
    for config in
        ["{ \"process\" : {\"env\":[\"A=see ampoule://x\"]}, \"big\": 18446744073709551615 }\n", "not JSON at all", ""]
    {
        let ran = filter(folder.path(), &[], config).ok();
        assert!(ran.stdout == config.as_bytes() && ran.err().is_empty(), "{config:?}");
    }
    let ran = filter(folder.path(), &["precreate"], "{}");
    assert!(ran.code() == 2 && ran.err().contains("takes none"), "{}", ran.err());
    for args in [&["scrub"][..], &["scrub", "A=ampoule://sec_a", "B=ampoule://sec_b"], &["scrub", "", "/s", "A=x"]] {
        let ran = filter(folder.path(), args, "{}");
        assert!(ran.code() == 1 && ran.err().contains("called by runtimes alone"), "{}", ran.err());
    }
    let ran = filter(folder.path(), &[], "{\"annotations\":{\"ampoule.dev/env.A\":\"sec_abc\"},\"process\":{}}");
    assert!(ran.code() == 1 && ran.err().contains("can't be told where podman"), "{}", ran.err());
}
