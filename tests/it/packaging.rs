//! The units for systemd: that it understands them, and that the daemon works under what they ask for.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, Permissions};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::support::bundle::Request;
use crate::support::cli::Cli;
use crate::support::daemon::Daemon;
use crate::support::engine::{Kind, Podman, Site};
use crate::support::process::{self, Job, is_child_of_any, wait_until};
use crate::support::programs;
use crate::support::rig::temporary_folder;
use crate::support::rpc::Rpc;

/// One of those that systemd gives to services (`DynamicUser=`).
const USER: u32 = 61234;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn systemd_analyze() -> Command {
    Command::new(programs::system("systemd-analyze", "systemd"))
}

/// The values of a setting of the service, in their order.
fn settings(name: &str) -> Vec<String> {
    let unit = fs::read_to_string(root().join("packaging/ampoule.service")).expect("a unit");
    let lines = unit.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    lines.map(str::to_owned).collect()
}

/// Installs what these tests are built with, below this folder; where the units are.
fn install(prefix: &Path) -> [PathBuf; 2] {
    let built = prefix.join("built");
    fs::create_dir_all(built.join("release")).expect("a folder");
    for program in ["ampoule", "ampoule-shim"] {
        programs::copy(&programs::ampoule(), &built.join("release").join(program));
    }
    let mut make = Command::new(programs::system("make", "make"));
    make.args(["--silent", "install", &format!("PREFIX={}", prefix.display()), "DESTDIR="]).current_dir(root());
    process::run(make.env("CARGO_TARGET_DIR", built), b"").ok();
    ["ampoule.service", "ampoule.socket"].map(|unit| prefix.join("lib/systemd/system").join(unit))
}

#[test]
fn podman_finds_the_hook_where_it_is_installed() {
    let folder = temporary_folder();
    install(folder.path());
    let hooks = folder.path().join("share/ampoule/hooks.d");
    let text = fs::read_to_string(hooks.join("ampoule-hook.json")).expect("a hook");
    let hook: Value = serde_json::from_str(&text).expect("JSON");
    let path = Path::new(hook["hook"]["path"].as_str().expect("a path"));
    assert_eq!(path, folder.path().join("bin/ampoule-hook"));
    assert_eq!(fs::read_link(path).expect("a link"), Path::new("ampoule-shim"));
    assert_eq!(fs::read_link(folder.path().join("bin/devbox")).expect("a link"), Path::new("ampoule"));
    let podman = Podman::new(Site::new(temporary_folder(), Kind::Runc, None));
    let asking = Request::new(&["true"]).env("A", "ampoule://sec_abc");
    let run = |hooks: &Path| podman.launch(&["--hooks-dir", hooks.to_str().expect("UTF-8"), "run", "--rm"], &asking);
    run(folder.path()).ok();
    // What is installed here is another program, which fails: podman has called it.
    let ran = run(&hooks);
    assert!(ran.code() != 0 && ran.err().contains("ampoule-hook"), "{}", ran.err());
}

#[test]
fn systemd_understands_the_installed_units() {
    let folder = temporary_folder();
    let units = install(folder.path());
    let mut verify = systemd_analyze();
    let ran = process::run(verify.args(["verify", "--recursive-errors=no", "--man=no"]).args(&units), b"").ok();
    assert_eq!((ran.out(), ran.err()), (String::new(), String::new()));
    let mut security = systemd_analyze();
    // Out of 100; what is left is that it has a network, sees other users, and sees by `/proc` which containers live.
    security.args(["security", "--offline=true", "--threshold=17", "--no-pager"]).arg(&units[0]);
    process::run(&mut security, b"").ok();
}

/// The system calls in each of systemd's sets.
fn call_sets() -> BTreeMap<String, Vec<String>> {
    let listed = process::run(systemd_analyze().arg("syscall-filter").arg("--no-pager"), b"").ok().out();
    let mut sets: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut set = String::new();
    for line in listed.lines() {
        match line.trim() {
            "" => set.clear(),
            comment if comment.starts_with('#') => {}
            name if line.starts_with('@') => name.clone_into(&mut set),
            member if !set.is_empty() => sets.entry(set.clone()).or_default().push(member.to_owned()),
            _ => {}
        }
    }
    sets
}

/// What a name in a filter stands for.
fn calls(name: &str, sets: &BTreeMap<String, Vec<String>>) -> BTreeSet<String> {
    match sets.get(name) {
        Some(members) => members.iter().flat_map(|member| calls(member, sets)).collect(),
        None => [name.to_owned()].into(),
    }
}

/// What the service's filter lets through (systemd.exec(5), `SystemCallFilter=`).
fn allowed() -> BTreeSet<String> {
    let sets = call_sets();
    let mut allowed = BTreeSet::new();
    for line in settings("SystemCallFilter") {
        let (denies, names) = line.strip_prefix('~').map_or((false, line.as_str()), |names| (true, names));
        let meant: BTreeSet<String> = names.split(' ').flat_map(|name| calls(name, &sets)).collect();
        if denies {
            allowed.retain(|call| !meant.contains(call));
        } else {
            allowed.extend(meant);
        }
    }
    allowed
}

/// The calls in a trace (`strace -f`), by their names.
fn traced(trace: &str) -> BTreeSet<String> {
    let call = |line: &str| {
        let call = line.split_once(' ')?.1.trim_start();
        let (name, _) = call.split_once('(')?;
        name.starts_with(|c: char| c.is_ascii_lowercase()).then(|| name.to_owned())
    };
    trace.lines().filter_map(call).collect()
}

#[test]
fn the_daemon_makes_no_system_call_that_the_unit_denies() {
    let folder = temporary_folder();
    let [sink, program, settings, trace] =
        ["sink", "ampoule", "ampoule.yaml", "trace"].map(|name| folder.path().join(name));
    fs::write(&settings, format!("audit: {{sink: {{file: {}}}}}\n", sink.display())).expect("written");
    programs::copy(&programs::ampoule(), &program);
    for path in [folder.path(), &program, &settings] {
        chown(path, Some(USER), Some(USER)).expect("owner");
    }
    let paths = Daemon::stopped(folder.path());
    let daemon = paths.command();
    let mut strace = Command::new(programs::system("strace", "strace"));
    strace.args(["-f", "-qq", "-o"]).arg(&trace).arg("--").arg(program).args(daemon.get_args()).env_clear();
    strace.uid(USER).gid(USER);
    strace.envs(daemon.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let job = Job::start(&mut strace, b"", Command::spawn);
    wait_until("the daemon serves", || UnixStream::connect(paths.socket()).is_ok());
    let mut rpc = Rpc::new(&paths.socket());
    let [id, other] = ["alpha", "beta"].map(|value| rpc.create(&json!({ "value": value })));
    assert_eq!(rpc.resolve(&id).as_deref(), Ok("alpha"));
    rpc.vault("DeleteObject", &json!({ "object_id": other })).expect("deleted");
    assert!(!rpc.audit(0, "").0.is_empty());
    drop(rpc);
    wait_until("the sink has it", || fs::read_to_string(&sink).is_ok_and(|text| text.contains("vault.object.delete")));
    let processes = fs::read_dir("/proc").expect("/proc").flatten();
    let mut pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let pid = pids.find(|pid| is_child_of_any(*pid, &[job.pid()])).expect("the daemon runs");
    kill(Pid::from_raw(pid.cast_signed()), Signal::SIGTERM).expect("signal");
    job.wait().ok();
    let (allowed, made) = (allowed(), traced(&fs::read_to_string(&trace).expect("a trace")));
    for call in ["execve", "landlock_restrict_self", "seccomp", "capset", "mlock", "fdatasync", "accept4"] {
        assert!(made.contains(call), "the trace doesn't show {call}: {made:?}");
    }
    for call in ["ptrace", "bpf", "setuid", "mount", "io_uring_setup", "keyctl"] {
        assert!(!allowed.contains(call), "{call} is allowed");
    }
    assert_eq!(made.difference(&allowed).collect::<Vec<_>>(), Vec::<&String>::new());
}

/// As `DynamicUser=` and the socket unit have it: a user that may do nothing, behind a socket that root listens on.
#[test]
fn a_daemon_of_its_own_user_behind_roots_socket_is_trusted() {
    let folder = temporary_folder();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o711)).expect("mode");
    let [etc, var, run] = ["etc", "var", "run"].map(|name| folder.path().join(name));
    for path in [&etc.join("ampoule"), &var.join("ampoule"), &run] {
        fs::create_dir_all(path).expect("a folder");
    }
    for path in [&etc, &etc.join("ampoule"), &var, &run] {
        fs::set_permissions(path, Permissions::from_mode(0o755)).expect("mode");
    }
    let state = var.join("ampoule");
    fs::set_permissions(&state, Permissions::from_mode(0o700)).expect("mode");
    chown(&state, Some(USER), Some(USER)).expect("owner");
    let file = etc.join("ampoule").join("ampoule.yaml");
    fs::write(&file, "log: {format: json}\n").expect("settings");
    fs::set_permissions(&file, Permissions::from_mode(0o644)).expect("mode");
    let program = folder.path().join("ampoule");
    programs::copy(&programs::ampoule(), &program);

    let path = run.join("ampoule.sock");
    let listener = UnixListener::bind(&path).expect("bound");
    let mut shell = Command::new("/bin/sh");
    let script = "exec 3<&0 </dev/null; export LISTEN_FDS=1 LISTEN_PID=$$; exec \"$@\"";
    shell.args(["-c", script, "sh"]).arg(program).arg("serve").env_clear().uid(USER).gid(USER);
    for setting in settings("Environment").iter().flat_map(|line| line.split(' ')) {
        let (name, value) = setting.split_once('=').expect("a variable");
        shell.env(name, value.replace("%E", etc.to_str().expect("UTF-8")).replace("%S", var.to_str().expect("UTF-8")));
    }
    let stdin = Stdio::from(OwnedFd::from(listener.try_clone().expect("a descriptor")));
    let job = Job::start(&mut shell, b"", |shell| shell.stdin(stdin).spawn());
    let cli = Cli::new(&path);
    let id = cli.add("alpha");
    assert_eq!(Rpc::new(&path).resolve(&id).as_deref(), Ok("alpha"));
    let caller = &cli.audit().pop().expect("an entry")["actor"];
    assert_eq!(caller["uid"], 0);
    assert!(state.join("vault.db").exists() && state.join("root.key").exists());
    job.signal(Signal::SIGTERM);
    let said = job.wait().ok().err();
    assert!(said.contains('{') && said.contains("stopped"), "{said}");
}
