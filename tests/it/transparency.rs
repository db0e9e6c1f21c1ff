//! Without a reference the shim is not there: what a runtime does through it is compared with what it does without.
//!
//! No daemon runs in these tests, and the shim's settings name a socket that doesn't exist.

mod engines;

use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::inheritance;
use crate::support::bundle::Request;
use crate::support::console::{Console, read_to_hangup};
use crate::support::engine::{Bare, Engine, Kind, Podman, ShimSettings, Site, on_each_kind};
use crate::support::process::{Ran, wait_until};
use crate::support::programs;
use crate::support::rig::temporary_folder;

/// What can be seen from outside, with folders and times taken out.
type Seen = Vec<String>;

/// Fails with the lines that differ.
#[track_caller]
fn assert_same(shimmed: &[String], bare: &[String]) {
    let lines = |all: &[String]| all.join("\n").lines().map(str::to_owned).collect::<Vec<_>>();
    let (shimmed, bare) = (lines(shimmed), lines(bare));
    let differ = shimmed.iter().zip(&bare).filter(|(shimmed, bare)| shimmed != bare);
    let differ: Vec<_> = differ.map(|(shimmed, bare)| format!("    bare: {bare}\nshimmed: {shimmed}")).collect();
    assert!(differ.is_empty() && shimmed.len() == bare.len(), "not the same with the shim:\n{}", differ.join("\n"));
}

/// Compares a runtime without and with the shim.
#[track_caller]
fn same(kind: Kind, see: impl Fn(&Bare) -> Seen) {
    let [bare, shimmed] = sites(kind).map(|site| see(&Bare::new(site)));
    assert_same(&shimmed, &bare);
}

/// Compares podman on the runtime and on the shim.
#[track_caller]
fn same_on_podman(kind: Kind, see: impl Fn(&Podman) -> Seen) {
    let [bare, shimmed] = sites(kind).map(|site| see(&Podman::new(site)));
    assert_same(&shimmed, &bare);
}

fn sites(kind: Kind) -> [Site; 2] {
    let shimmed = temporary_folder();
    let socket = shimmed.path().join("absent.sock");
    let settings = ShimSettings { program: programs::shim(), socket, deadline: "1s" };
    [Site::new(temporary_folder(), kind, None), Site::new(shimmed, kind, Some(&settings))]
}

/// The exit code and both outputs.
fn seen(engine: &dyn Engine, ran: &Ran) -> String {
    let text = format!("exit {}\nstdout: {}\nstderr: {}", ran.code(), ran.out(), ran.err());
    let text = text.replace(&*engine.site().folder().to_string_lossy(), "FOLDER");
    // podman calls the runtime by its name in messages of its own.
    let text = text.replace(&format!("ampoule-{}", engine.site().kind.name()), engine.site().kind.name());
    without_times(&text)
}

fn without_times(text: &str) -> String {
    // 2026-01-02T03:04:05: runtimes put the time in front of messages and into `state`.
    let is_time = |word: &str| word.len() > 18 && word.as_bytes()[10] == b'T' && word.as_bytes()[13] == b':';
    text.split_inclusive([' ', '"', '\n'])
        .map(|word| if is_time(word.trim_end_matches([' ', '"', '\n'])) { "TIME " } else { word })
        .collect()
}

/// The runtime's log, without times.
fn log(bare: &Bare) -> Seen {
    let text = fs::read_to_string(bare.site().log()).unwrap_or_default();
    text.lines().map(|line| without_times(&line.replace(&*bare.site().folder().to_string_lossy(), "FOLDER"))).collect()
}

fn sh(script: &str) -> Request {
    Request::new(&["sh", "-c", script])
}

fn exit_codes_are_the_containers(kind: Kind) {
    same(kind, |bare| {
        let requests = [
            Request::new(&["true"]),
            sh("echo out; echo err >&2; exit 42"),
            Request::new(&["/bin/not-executable"]),
            Request::new(&["no-such-program"]),
            sh("sh -c 'kill -9 $$'; exit $?"),
        ];
        let mut seen: Seen = requests.iter().map(|request| seen(bare, &bare.run(request))).collect();
        assert!(seen[1].starts_with("exit 42\nstdout: out\n"), "{}", seen[1]);
        seen.extend(log(bare));
        seen
    });
}

fn a_signal_ends_the_container(kind: Kind) {
    same(kind, |bare| {
        let bundle = bare.bundle("killed", &Request::sleeping());
        let path = bundle.path.to_str().expect("UTF-8");
        let job = bare.site().realm.start(&mut bare.site().runtime(&["run", "--bundle", path, "killed"]), b"");
        wait_until("the container runs", || bare.status("killed") == "running");
        let runtime = fs::read_link(format!("/proc/{}/exe", job.pid())).expect("the runtime's process");
        let killed = bare.command(&["kill", "killed", "KILL"]);
        let ran = job.wait();
        assert_eq!(ran.code(), 137, "{}", ran.err());
        // The process that the caller started has become the runtime: nobody stands between them.
        vec![runtime.display().to_string(), seen(bare, &killed), seen(bare, &ran)]
    });
}

fn standard_input_arrives_whole(kind: Kind) {
    let input: Vec<u8> = (0..=255).cycle().take(1 << 20).collect();
    same(kind, |bare| {
        let bundle = bare.bundle("reader", &Request::new(&["cat"]));
        let path = bundle.path.to_str().expect("UTF-8");
        let mut command = bare.site().runtime(&["run", "--bundle", path, "reader"]);
        let ran = bare.site().realm.start(&mut command, &input).wait().ok();
        assert!(ran.stdout == input, "{} of {} bytes came back", ran.stdout.len(), input.len());
        vec![seen(bare, &ran)]
    });
}

fn a_terminal_is_handed_over(kind: Kind) {
    same(kind, |bare| {
        let request = Request { terminal: true, ..sh("tty; stty -a; test -t 0 && test -t 1 && test -t 2; echo $?") };
        let bundle = bare.bundle("terminal", &request);
        let console = Console::listen(bare.site().folder());
        let path = bundle.path.to_str().expect("UTF-8");
        let created = bare.command(&["create", "--console-socket", console.path(), "--bundle", path, "terminal"]);
        let terminal = console.receive();
        let started = bare.start("terminal");
        let text = read_to_hangup(terminal);
        assert!(text.contains("/dev/pts/0"), "{text}");
        vec![seen(bare, &created), seen(bare, &started), text, seen(bare, &bare.delete("terminal"))]
    });
}

/// Runs a container by a shell that changes what the runtime inherits.
fn run_after(bare: &Bare, setting: &str, options: &[&str], request: &Request) -> Ran {
    let id = bare.fresh_id();
    let bundle = bare.bundle(&id, request);
    let path = bundle.path.to_str().expect("UTF-8");
    let runtime = bare.site().runtime(&[&["run"], options, &["--bundle", path, &id]].concat());
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", &format!("{setting}\nexec \"$@\""), "sh"]).arg(runtime.get_program()).args(runtime.get_args());
    for (name, value) in runtime.get_envs() {
        shell.env(name, value.expect("set"));
    }
    bare.site().realm.run(shell.current_dir(bare.site().folder()))
}

fn files_are_passed_on(kind: Kind) {
    same(kind, |bare| {
        fs::write(bare.site().folder().join("three"), "3\n").expect("file");
        fs::write(bare.site().folder().join("four"), "4\n").expect("file");
        let open = "exec 3<three 4<four";
        let request = sh("cat <&3; cat <&4; echo $LISTEN_FDS $LISTEN_PID; echo /proc/self/fd/*");
        let preserved = run_after(bare, open, &["--preserve-fds", "2"], &request);
        assert!(preserved.out().starts_with("3\n4\n"), "{preserved:?}");
        let activation = format!("{open}; export LISTEN_FDS=2 LISTEN_PID=$$");
        let activated = run_after(bare, &activation, &[], &request);
        assert!(activated.out().starts_with("3\n4\n"), "{activated:?}");
        let neither = run_after(bare, open, &[], &sh("echo /proc/self/fd/*"));
        vec![seen(bare, &preserved), seen(bare, &activated), seen(bare, &neither)]
    });
}

fn a_container_inherits_what_it_inherited(kind: Kind) {
    same(kind, |bare| {
        let request = sh("grep -E '^(Sig[^Q]|Umask|Cap|NoNew|Seccomp|Threads)' /proc/self/status; \
             cat /proc/self/limits /proc/self/oom_score_adj; cut -d' ' -f 19 /proc/self/stat; pwd; env");
        inheritance::SETTINGS.iter().map(|set| seen(bare, &run_after(bare, set, &[], &request))).collect()
    });
}

fn a_detached_container_lives_on_and_comes_back(kind: Kind) {
    same(kind, |bare| {
        let bundle = bare.bundle("detached", &Request::sleeping());
        let path = bundle.path.to_str().expect("UTF-8");
        let pid_file = bare.site().folder().join("pid");
        let pid_path = pid_file.to_str().expect("UTF-8");
        let mut seen_all = Seen::new();
        for _ in 0..2 {
            let ran = bare.command(&["run", "--detach", "--pid-file", pid_path, "--bundle", path, "detached"]);
            let pid = fs::read_to_string(&pid_file).expect("pid file");
            let state: Value = serde_json::from_slice(&bare.inspect("detached").stdout).expect("state is JSON");
            assert_eq!(state["pid"].to_string(), pid, "the pid file names the container's process");
            let exec = bare.command(&["exec", "detached", "sh", "-c", "echo inside; exit 3"]);
            let state = seen(bare, &bare.inspect("detached")).replace(&pid, "PID");
            seen_all.extend([seen(bare, &ran), state, seen(bare, &exec)]);
            bare.stop("detached");
            seen_all.push(seen(bare, &bare.delete("detached")));
        }
        assert!(bundle.is_pristine());
        seen_all.extend(log(bare));
        seen_all
    });
}

fn other_commands_say_what_the_runtime_says(kind: Kind) {
    same(kind, |bare| {
        let commands: [&[&str]; 9] = [
            &["--version"],
            &["features"],
            &["state", "nobody"],
            &["delete", "nobody"],
            &["start", "nobody"],
            &["list"],
            &["no-such-command"],
            &["--no-such-flag"],
            &["kill"],
        ];
        let mut all: Seen = commands.iter().map(|args| seen(bare, &bare.command(args))).collect();
        // Without our own options in front, as conmon calls it for `delete`.
        let plain = |args: &[&str]| bare.site().realm.run(Command::new(&bare.site().program).env_clear().args(args));
        all.extend([&["--version"][..], &["state", "nobody"], &[], &["--help"]].map(|args| seen(bare, &plain(args))));
        all.extend(log(bare));
        all
    });
}

fn podman_sees_no_difference(kind: Kind) {
    // Containers with output wait a little before they end: podman loses it sometimes if they don't.
    same_on_podman(kind, |podman| {
        let requests = [
            Request::new(&["true"]),
            sh("echo out; sleep 0.3; exit 42"),
            Request::new(&["/bin/not-executable"]),
            Request::new(&["no-such-program"]),
            sh("sh -c 'kill -9 $$'; exit $?"),
        ];
        let mut all: Seen = requests.iter().map(|request| seen(podman, &podman.run(request))).collect();
        assert!(all.iter().zip([0, 42, 126, 127, 137]).all(|(seen, code)| seen.starts_with(&format!("exit {code}\n"))));
        let terminal = podman.launch(&["run", "--rm", "--tty"], &sh("tty; test -t 1; echo $?; sleep 0.3"));
        all.push(seen(podman, &terminal));
        podman.launch(&["run", "--detach", "--name", "kept"], &Request::sleeping()).ok();
        for _ in 0..2 {
            podman.call(&["restart", "--time", "0", "kept"]).ok();
            let inspected = podman.call(&["inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}", "kept"]);
            let exec = podman.call(&["exec", "kept", "sh", "-c", "echo inside; exit 3"]);
            all.extend([seen(podman, &inspected), seen(podman, &exec)]);
        }
        podman.stop("kept");
        all.push(seen(podman, &podman.call(&["inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}", "kept"])));
        podman.delete("kept").ok();
        all
    });
}

on_each_kind!(
    exit_codes_are_the_containers,
    a_signal_ends_the_container,
    standard_input_arrives_whole,
    a_terminal_is_handed_over,
    files_are_passed_on,
    a_container_inherits_what_it_inherited,
    a_detached_container_lives_on_and_comes_back,
    other_commands_say_what_the_runtime_says,
    podman_sees_no_difference,
);
