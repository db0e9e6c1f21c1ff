//! A container gets what it asks for, and nobody else does.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::thread;
use std::time::Duration;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use crate::daemon::{Answer, serve};
use crate::site::{Site, text, told};

const CONFIG: &str = r#"{"process":{"env":["PATH=/bin","A=old","B=ampoule://sec_b@3"],"x":18446744073709551615},"annotations":{"ampoule.dev/env.A":"sec_a","ampoule.dev/env-vars":"[{\"name\":\"C\",\"value\":\"plain\"}]","io.container.manager":"libpod","org.opencontainers.image.ref.name":"busybox"}}"#;

fn assert_delivered(output: &std::process::Output) {
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!((output.status.code(), err.as_str()), (Some(0), ""));
    let expected = r#""env":["PATH=/bin","A=value of sec_a","B=value of sec_b","C=plain"]"#;
    let original = r#""env":["PATH=/bin","A=old","B=ampoule://sec_b@3"]"#;
    assert_eq!(told(&out, "first: "), CONFIG.replace(original, expected));
    assert_eq!(told(&out, "second: "), CONFIG);
}

#[test]
fn the_runtime_reads_values_and_then_placeholders() {
    let site = Site::new(CONFIG);
    let calls = serve(&site.socket(), |_| Answer::Values);
    assert_delivered(&site.create());
    site.assert_pristine(CONFIG);
    let call = calls.recv().expect("a call");
    let asked: Vec<_> = call.references.iter().map(|r| [&*r.name, &*r.object_id, &*r.version]).collect();
    assert_eq!(asked, [["B", "sec_b", "3"], ["A", "sec_a", ""]]);
    let container = call.container.into_option().expect("a container");
    assert_eq!((&*container.id, &*container.engine, &*container.image), ("c1", "podman", "busybox"));
    assert_eq!(container.bundle, site.bundle().canonicalize().expect("a path").display().to_string());
    assert_eq!(container.runtime, site.path("runtime").display().to_string());
}

#[test]
fn a_daemon_that_starts_late_is_waited_for() {
    let site = Site::new(CONFIG);
    site.deadline("10s");
    let socket = site.socket();
    let daemon = thread::spawn(move || {
        thread::sleep(Duration::from_millis(60));
        serve(&socket, |index| match index {
            0 => Answer::Silence,
            1 => Answer::Error("unavailable", "starting"),
            _ => Answer::Values,
        })
    });
    assert_delivered(&site.create());
    assert_eq!(daemon.join().expect("served").iter().take(3).count(), 3);
}

#[test]
fn a_large_text_arrives_whole() {
    let filler = "x".repeat(3 << 20);
    let config = format!(r#"{{"process":{{"env":["B=ampoule://sec_b"]}},"filler":"{filler}"}}"#);
    let site = Site::new(&config);
    serve(&site.socket(), |_| Answer::Values);
    let output = site.create();
    let expected = config.replace("ampoule://sec_b", "value of sec_b");
    assert!(told(&text(&output.stdout), "first: ") == expected, "{}", text(&output.stderr));
    site.assert_pristine(&config);
}

#[test]
fn literals_alone_need_no_daemon() {
    let config = r#"{"process":{},"annotations":{"ampoule.dev/env-vars":"[{\"name\":\"C\",\"value\":\"plain\"}]"}}"#;
    let site = Site::new(config);
    let out = text(&site.create().stdout);
    assert!(told(&out, "first: ").starts_with(r#"{"process":{"env":["C=plain"]}"#), "{out}");
    site.assert_pristine(config);
}

#[test]
fn what_a_killed_create_left_is_healed() {
    for leftover in ["link", "pipe"] {
        let site = Site::new(CONFIG);
        serve(&site.socket(), |_| Answer::Values);
        fs::rename(site.config(), site.sibling()).expect("renames");
        match leftover {
            "link" => symlink("/proc/4194305/fd/5", site.config()).expect("links"),
            _ => mkfifo(&site.config(), Mode::S_IRWXU).expect("makes a FIFO"),
        }
        assert_delivered(&site.create());
        site.assert_pristine(CONFIG);
        mkfifo(&site.sibling(), Mode::S_IRWXU).expect("makes a FIFO");
        assert_delivered(&site.create());
        site.assert_pristine(CONFIG);
        // The engine has put a new one in the place of the link.
        fs::write(site.sibling(), "{}").expect("writes");
        assert_delivered(&site.create());
        site.assert_pristine(CONFIG);
    }
}

#[test]
fn two_creates_on_one_bundle_both_get_values() {
    let site = Site::new(CONFIG);
    site.deadline("10s");
    serve(&site.socket(), |_| Answer::Values);
    for _ in 0..20 {
        let (one, other) = thread::scope(|scope| {
            let other = scope.spawn(|| site.create());
            (site.create(), other.join().expect("runs"))
        });
        for output in [one, other] {
            let out = text(&output.stdout);
            assert!(told(&out, "first: ").contains("value of sec_a"), "{out} {}", text(&output.stderr));
        }
    }
    site.assert_pristine(CONFIG);
}

#[test]
fn closed_standard_descriptors_are_no_obstacle() {
    for closed in ["<&-", "<&- >&-", "<&- >&- 2>&-"] {
        let site = Site::new(CONFIG);
        serve(&site.socket(), |_| Answer::Values);
        let runtime = fs::read_to_string(site.path("runtime")).expect("reads");
        let tells_a_file = runtime.replacen('\n', "\nexec >\"$3.told\"\n", 1);
        fs::write(site.path("runtime"), tells_a_file).expect("writes the runtime");
        let shim = site.shim();
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", &format!("exec \"$@\" {closed}"), "sh"]).arg(shim.get_program()).args(["create", "--bundle"]);
        shell.arg(site.bundle()).arg("c1").env_clear().env("AMPOULE_SHIM_CONFIG", site.path("shim.yaml"));
        assert!(shell.status().expect("runs").success(), "{closed}");
        let out = fs::read_to_string(site.path("bundle.told")).expect("reads");
        assert!(told(&out, "first: ").contains("value of sec_a"), "{closed}: {out}");
        site.assert_pristine(CONFIG);
    }
}
