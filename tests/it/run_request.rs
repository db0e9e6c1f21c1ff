//! `ampoule run-request`: a `ContainerRequest` as people write it becomes a container, by a runtime or by podman.

mod podman;
mod rootfs;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::canary::places;
use crate::support::engine::{Engine, on_runtimes_and_podman};
use crate::support::process::{Job, Ran, wait_until};
use crate::support::rig::Rig;
use crate::support::search::Needle;
use crate::support::terminal::Terminal;

/// An engine that `run-request` can start a container by.
trait Runner: Engine + Sized {
    /// Gives a command line of `run-request` what it needs to start the container by this engine.
    fn set_up(&self, command: &mut Command);

    /// The image, for an engine that wants one.
    fn image(&self) -> Option<&'static str>;

    /// Kills the container.
    fn kill(&self, name: &str);

    /// What `run-request` has made and not removed.
    fn leftovers(&self) -> Vec<PathBuf>;
}

/// A container that runs this script.
fn script<E: Runner>(rig: &Rig<E>, script: &str) -> Value {
    json!({ "name": name(rig), "image_ref": rig.engine.image(), "args": ["sh", "-c", script] })
}

/// The container's name, which runc gives its control group too: no other test may have the same.
fn name<E: Runner>(rig: &Rig<E>) -> String {
    let folder = rig.engine.site().folder().file_name().expect("named").to_string_lossy();
    format!("web-{}", folder.trim_start_matches('.'))
}

/// `ampoule run-request` on a file of the engine's folder, or on standard input for `-`.
fn command<E: Runner>(rig: &Rig<E>, file: &str) -> Command {
    let mut command = rig.daemon.cli().command(&["run-request", file]);
    rig.engine.set_up(&mut command);
    command.current_dir(rig.engine.site().folder());
    command
}

fn write<E: Runner>(rig: &Rig<E>, request: &Value) {
    fs::write(rig.engine.site().folder().join("web.json"), request.to_string()).expect("request");
}

fn start<E: Runner>(rig: &Rig<E>, request: &Value, stdin: &[u8]) -> Job {
    write(rig, request);
    rig.engine.site().realm.start(&mut command(rig, "web.json"), stdin)
}

/// Waits for the end, after which nothing may be left.
#[track_caller]
fn end<E: Runner>(rig: &Rig<E>, job: Job) -> Ran {
    let ran = job.wait();
    let left = rig.engine.leftovers();
    assert!(left.is_empty(), "left: {left:?}");
    // podman removes a container in the background if a signal ended it.
    let what = format!("the runtime knows no container, after exit {} {}", ran.code(), ran.err());
    wait_until(&what, || rig.engine.site().containers().is_empty());
    ran
}

#[track_caller]
fn run<E: Runner>(rig: &Rig<E>, request: &Value) -> Ran {
    end(rig, start(rig, request, b""))
}

fn the_container_has_what_it_asks_for<E: Runner>(rig: &Rig<E>) {
    let cli = rig.daemon.cli();
    let [one, two] = ["value \"one\"\n$HOME", "two"].map(|value| cli.add(value));
    // A little time at the end: podman loses the output of a container that ends at once, about once in a thousand.
    let mut request = script(rig, "cat /proc/self/environ; sleep 0.3");
    request["environment"] = json!({ "MODE": "demo, \"quoted\"", "REFERENCE": format!("ampoule://{two}@1") });
    request["env_vars"] = json!([
        { "name": "ONE", "value": "overridden", "from_secret_id": one },
        { "name": "STATIC", "value": "a=b" },
    ]);
    let mut camel = request.clone();
    camel.as_object_mut().expect("an object").remove("env_vars");
    camel["envVars"] = json!([{ "name": "ONE", "fromSecretId": one }, { "name": "STATIC", "value": "a=b" }]);
    camel["imageRef"] = camel.as_object_mut().expect("an object").remove("image_ref").expect("the image");
    for request in [request, camel] {
        let ran = run(rig, &request).ok();
        let out = ran.out();
        let env: Vec<&str> = out.split('\0').collect();
        for expected in ["ONE=value \"one\"\n$HOME", "STATIC=a=b", "MODE=demo, \"quoted\"", "REFERENCE=two"] {
            assert!(env.contains(&expected), "{expected:?} is not in: {env:?}");
        }
    }
    let variables: Vec<_> = cli.injections().iter().map(|entry| entry["attributes"]["variable"].clone()).collect();
    assert_eq!(variables, ["REFERENCE", "ONE", "REFERENCE", "ONE"]);
}

fn a_request_can_come_from_standard_input<E: Runner>(rig: &Rig<E>) {
    let request = script(rig, "exit 42").to_string();
    let job = rig.engine.site().realm.start(&mut command(rig, "-"), request.as_bytes());
    assert_eq!(end(rig, job).code(), 42);
}

fn exit_codes_come_through<E: Runner>(rig: &Rig<E>) {
    for (script_text, code) in [("exit 0", 0), ("exit 42", 42), ("sh -c 'kill -9 $$'; exit $?", 137)] {
        let ran = run(rig, &script(rig, script_text));
        assert_eq!(ran.code(), code, "{script_text}: {}", ran.err());
    }
}

fn a_signal_that_ends_the_container_comes_through<E: Runner>(rig: &Rig<E>) {
    let mut job = start(rig, &script(rig, "echo ready; sleep 1000"), b"");
    job.wait_for("ready");
    rig.engine.kill(&name(rig));
    assert_eq!(end(rig, job).code(), 137);
}

fn standard_input_comes_through<E: Runner>(rig: &Rig<E>) {
    let input: Vec<u8> = (0..=255).cycle().take(1 << 16).collect();
    let ran = end(rig, start(rig, &script(rig, "cat; sleep 0.3"), &input)).ok();
    assert!(ran.stdout == input, "{} of {} bytes came back", ran.stdout.len(), input.len());
}

/// Whoever starts it at a terminal talks to it.
fn at_a_terminal_the_container_has_one_too<E: Runner>(rig: &Rig<E>) {
    write(rig, &script(rig, "test -t 0 && test -t 1 && echo ready; read line; echo heard $line; read line; exit 3"));
    let mut terminal = Terminal::start_by(&command(rig, "web.json"), |command| rig.engine.site().realm.spawn(command));
    terminal.wait_for("ready");
    terminal.write(b"hello\r");
    terminal.wait_for("heard hello");
    terminal.write(b"\r");
    let closed = terminal.close();
    assert_eq!(closed.code, 3, "{}", closed.shown);
    assert!(closed.is_restored);
}

/// A supervisor ends what it started; the container is told, and decides how to end.
fn sigterm_ends_the_container<E: Runner>(rig: &Rig<E>) {
    for (signal, name) in [(Signal::SIGTERM, "TERM"), (Signal::SIGINT, "INT"), (Signal::SIGHUP, "HUP")] {
        // A little time at the start: podman before 4.5 hands signals on only after the container runs (its PR 17489),
        // and ends without it if one comes earlier.
        let waiting = format!("trap 'exit 7' {name}; sleep 0.5; echo ready; sleep 1000 & wait");
        let mut job = start(rig, &script(rig, &waiting), b"");
        job.wait_for("ready");
        job.signal(signal);
        assert_eq!(end(rig, job).code(), 7, "{signal}");
    }
}

fn the_value_is_in_the_container_and_nowhere_else<E: Runner>(rig: &Rig<E>) {
    let needle = Needle::random();
    let mut request = script(rig, "echo ready; exec sleep 1000");
    request["env_vars"] = json!([{ "name": "A", "from_secret_id": rig.daemon.cli().add(needle.value()) }]);
    let mut job = start(rig, &request, b"");
    job.wait_for("ready");
    assert!(!needle.search_processes(|_| true).is_empty(), "the container has the value");
    let found = places(&needle, &rig.engine, &name(rig));
    assert!(found.is_empty(), "running: {found:?}");
    rig.engine.kill(&name(rig));
    end(rig, job);
    let found = places(&needle, &rig.engine, &name(rig));
    assert!(found.is_empty(), "ended: {found:?}");
}

fn what_cannot_be_resolved_creates_no_container<E: Runner>(rig: &Rig<E>) {
    let known = rig.daemon.cli().add("alpha");
    let mut request = script(rig, "echo ran");
    request["env_vars"] = json!([
        { "name": "A", "from_secret_id": known },
        { "name": "B", "from_secret_id": "sec_abcdefghijklmnopqrst" },
    ]);
    let ran = run(rig, &request);
    assert_eq!(ran.code(), rig.engine.refusal_code(), "{}", ran.err());
    assert_eq!(ran.out(), "");
    assert!(ran.err().contains("B: ") && ran.err().contains("sec_abcdefghijklmnopqrst"), "{}", ran.err());
    assert!(!ran.err().contains("alpha"), "{}", ran.err());
}

on_runtimes_and_podman!(
    the_container_has_what_it_asks_for,
    a_request_can_come_from_standard_input,
    exit_codes_come_through,
    a_signal_that_ends_the_container_comes_through,
    standard_input_comes_through,
    at_a_terminal_the_container_has_one_too,
    sigterm_ends_the_container,
    the_value_is_in_the_container_and_nowhere_else,
    what_cannot_be_resolved_creates_no_container,
);

/// Refused before any engine is asked: the message, and exit code 1.
#[track_caller]
fn refused(ran: &Ran, named: &[&str]) {
    assert_eq!((ran.code(), ran.out().as_str()), (1, ""), "{}", ran.err());
    for part in named {
        assert!(ran.err().contains(part), "\"{part}\" is not in: {}", ran.err());
    }
}
