//! Without a request the shim is an `execve`, and no daemon is there.

use std::fs;
use std::process::Command;

use crate::site::{Site, text, told};

const CONFIG: &str = r#"{"process":{"env":["A=1"]}}"#;

#[test]
fn a_create_without_a_request_is_the_runtimes() {
    let site = Site::new(CONFIG);
    let output = site.create();
    assert_eq!(told(&text(&output.stdout), "first: "), CONFIG);
    assert_eq!(text(&output.stderr), "");
    site.assert_pristine(CONFIG);
}

#[test]
fn a_pod_s_sandbox_gets_nothing_though_it_has_the_pod_s_annotations() {
    for mark in ["io.kubernetes.cri.container-type", "io.kubernetes.cri-o.ContainerType"] {
        let config = |kind| {
            format!(r#"{{"process":{{"env":[]}},"annotations":{{"ampoule.dev/env.A":"sec_a","{mark}":"{kind}"}}}}"#)
        };
        let site = Site::new(&config("sandbox"));
        assert_eq!(told(&text(&site.create().stdout), "first: "), config("sandbox"));
        site.assert_pristine(&config("sandbox"));
        // The pod's own containers ask.
        assert_eq!(Site::new(&config("container")).create().status.code(), Some(1));
    }
}

#[test]
fn other_commands_are_the_runtimes_with_all_arguments() {
    let site = Site::new(CONFIG);
    for arguments in [vec![], vec!["--version"], vec!["--root", "/r", "state", "create"], vec!["exec", "c1", "", "a b"]]
    {
        let output = site.shim().args(&arguments).output().expect("runs");
        assert_eq!(text(&output.stdout), format!("called: {}\n", arguments.join(" ")));
        assert_eq!((output.status.code(), text(&output.stderr).as_str()), (Some(42), ""));
    }
}

#[test]
fn a_bundle_that_is_missing_or_malformed_is_the_runtimes_to_report() {
    let site = Site::new("{malformed");
    assert_eq!(told(&text(&site.create().stdout), "first: "), "{malformed");
    fs::remove_file(site.config()).expect("removes");
    let output = site.create();
    assert_eq!((text(&output.stdout).as_str(), output.status.code()), ("runtime: no config\n", Some(1)));
    assert_eq!(text(&output.stderr), "");
}

/// Runs a shell line in which `"$@"` is the shim, with a runtime that shows its own `/proc/self`.
fn inherited(line: &str, shows: &str) -> String {
    let site = Site::new(CONFIG);
    fs::write(site.path("runtime"), format!("#!/bin/sh\n{shows}\n")).expect("writes");
    let shim = site.shim();
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", line, "sh"]).arg(shim.get_program()).args(["create", "--bundle"]).arg(site.bundle()).arg("c1");
    shell.env_clear().env("AMPOULE_SHIM_CONFIG", site.path("shim.yaml"));
    text(&shell.output().expect("runs").stdout)
}

#[test]
fn the_disposition_of_sigpipe_is_kept() {
    let shows = "grep SigIgn /proc/$$/status";
    let sigpipe = |status: String| {
        let mask = u64::from_str_radix(told(&status, "SigIgn:").trim(), 16).expect("a mask");
        mask & (1 << 12) != 0
    };
    assert!(sigpipe(inherited("trap '' PIPE; exec \"$@\"", shows)));
    assert!(!sigpipe(inherited("exec \"$@\"", shows)));
}

#[test]
fn descriptors_are_kept_and_closed_ones_stay_closed() {
    let shows = "exec 9>&1; [ -e /proc/$$/fd/0 ] && echo stdin; [ -e /proc/$$/fd/7 ] && echo seven; echo end";
    assert_eq!(inherited("exec 0<&- 7>&1; exec \"$@\"", shows), "seven\nend\n");
}

#[test]
fn the_process_stays_the_same() {
    let pids = inherited("echo $$; exec \"$@\"", "echo $$");
    let (shim, runtime) = pids.split_once('\n').expect("two lines");
    assert_eq!(shim, runtime.trim_end());
}
