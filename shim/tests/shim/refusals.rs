//! No container is made, the user reads why, and nothing has changed.

use std::fs;
use std::os::unix::fs::symlink;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use crate::daemon::{Answer, serve};
use crate::site::{Site, text};

const CONFIG: &str = r#"{"process":{"env":["A=ampoule://sec_a"]}}"#;

/// Creates with a log, and returns the one message that both the log and stderr have.
fn refused(site: &Site) -> String {
    let log = site.path("log");
    fs::write(&log, "").expect("empties the log");
    let mut shim = site.shim();
    shim.args(["--log-format", "json", "--log"]).arg(&log).args(["create", "--bundle"]).arg(site.bundle()).arg("c1");
    let output = shim.output().expect("runs");
    let err = text(&output.stderr);
    assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(1), ""), "{err}");
    let log = fs::read_to_string(&log).expect("a log");
    assert_eq!(log.lines().count(), 1, "{log}");
    let line: serde_json::Value = serde_json::from_str(&log).expect("JSON");
    let message = line["msg"].as_str().expect("a message").to_owned();
    assert_eq!((line["level"].as_str(), err), (Some("error"), format!("ampoule: {message}\n")));
    message
}

#[track_caller]
fn assert_refused(site: &Site, part: &str) {
    let message = refused(site);
    assert!(message.contains(part), "{message}");
    let beginning: String = message.chars().take(20).collect();
    assert_eq!(message.matches(&beginning).count(), 1, "said twice: {message}");
    let lower = message.to_lowercase();
    assert!(!lower.contains("no such file or directory") && !lower.contains("permission denied"), "{message}");
}

#[test]
fn a_daemon_that_is_not_running() {
    let site = Site::new(CONFIG);
    assert_refused(&site, "start it with `ampoule serve`");
    assert_refused(&site, &site.socket().display().to_string());
    site.assert_pristine(CONFIG);
}

#[test]
fn a_daemon_that_refuses_hangs_up_or_is_not_ours() {
    for (answer, part) in [
        (Answer::Error("not_found", "no secret sec_a"), "no secret sec_a (not_found)"),
        (Answer::Error("unavailable", "the disk is full"), "the disk is full"),
        (Answer::Error("permission_denied", "permission denied"), "access refused"),
        (Answer::Silence, "hung up before it answered"),
    ] {
        let site = Site::new(CONFIG);
        let answer = std::sync::Arc::new(answer);
        serve(&site.socket(), move |_| match &*answer {
            Answer::Error(code, message) => Answer::Error(code, message),
            _ => Answer::Silence,
        });
        assert_refused(&site, part);
        site.assert_pristine(CONFIG);
    }
}

#[test]
fn requests_that_are_malformed() {
    for (config, part) in [
        (r#"{"process":{"env":["A=ampoule://nope"]}}"#, "process.env[0] (A)"),
        (r#"{"process":{},"annotations":{"ampoule.dev/env-vars":"[{]"}}"#, "ampoule.dev/env-vars: not valid JSON"),
        (r#"{"process":{},"annotations":{"ampoule.dev/file.X":"nope"}}"#, "ampoule.dev/file.X: "),
        (r#"{"process":{},"annotations":{"ampoule.dev/file.X.path":"/x"}}"#, "nothing asks for a file X"),
        (r#"{"process":{"env":["A=ampoule://sec_a"]}"#, "config.json is not valid JSON at line 1"),
        (r#"{"annotations":{"\u0061mpoule.dev/env.A":"nope"}}"#, "ampoule.dev/env.A"),
    ] {
        let site = Site::new(config);
        assert_refused(&site, part);
        site.assert_pristine(config);
    }
}

#[test]
fn values_that_have_no_place() {
    let asked = r#""annotations":{"ampoule.dev/env-vars":"[{\"name\":\"C\",\"value\":\"plain\"}]"}"#;
    for (rest, part) in [
        ("", "has no process"),
        (r#","process":{},"hooks":{"createContainer":[1]}"#, "hooks.createContainer"),
        (r#","process":{},"hooks":{"createContainer":[{"env":1}]}"#, "hooks.createContainer"),
    ] {
        let config = format!("{{{asked}{rest}}}");
        let site = Site::new(&config);
        assert_refused(&site, part);
        site.assert_pristine(&config);
    }
}

#[test]
fn a_pipe_or_link_without_an_original() {
    let site = Site::new(CONFIG);
    fs::remove_file(site.config()).expect("removes");
    mkfifo(&site.config(), Mode::S_IRWXU).expect("makes a FIFO");
    assert_refused(&site, "its original is gone");
    fs::remove_file(site.config()).expect("removes");
    symlink("/proc/4194305/fd/5", site.config()).expect("links");
    assert_refused(&site, "its original is gone");
}

#[test]
fn a_huge_specification() {
    let site = Site::new(CONFIG);
    fs::File::options().write(true).open(site.config()).expect("opens").set_len((64 << 20) + 1).expect("grows");
    assert_refused(&site, "larger than 64 MiB");
}

#[test]
fn settings_that_are_wrong() {
    let site = Site::new(CONFIG);
    site.settings("socket: /s\nruntimee: runc\n");
    assert_refused(&site, "line 2");
    site.settings("runtime: /nonexistent/runc\n");
    assert_refused(&site, "/nonexistent/runc");
    site.settings(&format!("runtime: {}\n", env!("CARGO_BIN_EXE_ampoule-shim")));
    assert_refused(&site, "this shim itself");
}

#[test]
fn a_runtime_that_reads_again() {
    let site = Site::new(CONFIG);
    let runsc = site.path("runsc");
    fs::copy(site.path("runtime"), &runsc).expect("copies");
    site.settings(&format!("runtime: {}\n", runsc.display()));
    assert_refused(&site, "runsc reads config.json again");
    assert_refused(&site, "`allow_runtimes: [runsc]`");
    site.settings(&format!("runtime: {}\nallow_runtimes: [krun]\n", runsc.display()));
    assert_refused(&site, "runsc reads config.json again");
    site.assert_pristine(CONFIG);
    // Who allows it is asked for the daemon next.
    let absent = site.socket();
    site.settings(&format!(
        "runtime: {}\nallow_runtimes: [runsc]\nsocket: {}\ndeadline: 1ms\n",
        runsc.display(),
        absent.display()
    ));
    assert_refused(&site, &absent.display().to_string());
}
