//! A value that is given to the command line stands in nothing that it says, whatever is wrong.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::json;

use crate::support::cli::Cli;
use crate::support::daemon::Daemon;
use crate::support::process::wait_until;
use crate::support::rig::temporary_folder;
use crate::support::search::Needle;

/// Runs a command that must fail without saying the value.
#[track_caller]
fn silent(cli: &Cli, needle: &Needle, args: &[&str], stdin: &[u8], code: i32) {
    let ran = cli.run(args, stdin);
    assert_eq!(ran.code(), code, "{args:?}: {}", ran.err());
    assert!(!needle.is_in(&ran.stdout) && !needle.is_in(&ran.stderr), "{args:?} says the value: {}", ran.err());
}

#[test]
fn a_value_among_the_arguments_is_refused_and_not_repeated() {
    let (folder, needle) = (temporary_folder(), Needle::random());
    let daemon = Daemon::start(folder.path());
    let cli = daemon.cli();
    let (id, value) = (cli.add("before"), needle.value());
    let glued = format!("--value={value}");
    for args in [
        &["vault", "add", value][..],
        &["vault", "add", "-d", "x", "--value", value],
        &["vault", "add", &glued],
        &["vault", "add", "--from_file", "-", "--", value, value],
        &["vault", "set", "--object_id", &id, value],
        &["vault", "set", value, "--object_id", &id],
        &["vault", "set", "--object_id", &id, &glued],
    ] {
        silent(&cli, &needle, args, b"x", 2);
        assert!(cli.run(args, b"x").err().contains("--from_file"));
    }
    assert_eq!(cli.list().as_array().expect("a list").len(), 1);
}

#[test]
fn a_value_that_cannot_be_stored_is_not_repeated() {
    let (folder, needle) = (temporary_folder(), Needle::random());
    let mut daemon = Daemon::start(folder.path());
    let cli = daemon.cli();
    let id = cli.add("before");
    let add = ["vault", "add", "-d", "x", "--from_file", "-"];
    let value = needle.value().as_bytes();
    let bad: [&[u8]; 3] = [&[value, b"\0"].concat(), &[value, b"\xff"].concat(), &value.repeat(2000)];
    for stdin in bad {
        silent(&cli, &needle, &add, stdin, 1);
        silent(&cli, &needle, &["vault", "set", "--object_id", &id, "--from_file", "-"], stdin, 1);
    }
    silent(&cli, &needle, &[&add[..], &["--label", "a=1,a=2"]].concat(), value, 1);
    silent(&cli, &needle, &["vault", "add", "-d", &"x".repeat(5000), "--from_file", "-"], value, 1);
    let conflict = ["vault", "set", "--object_id", &id, "--if-version-matches", "7", "--from_file", "-"];
    silent(&cli, &needle, &conflict, value, 1);
    silent(&cli, &needle, &["vault", "set", "--object_id", "sec_unknown", "--from_file", "-"], value, 1);
    // No terminal: what is piped in is not read, so not said either.
    silent(&cli, &needle, &["vault", "add"], value, 1);
    daemon.kill();
    silent(&cli, &needle, &add, value, 1);
}

#[test]
fn a_file_with_a_value_in_the_wrong_place_is_not_repeated() {
    let (folder, needle) = (temporary_folder(), Needle::random());
    let daemon = Daemon::start(folder.path());
    let (cli, value) = (daemon.cli(), needle.value());
    let file = |text: &str| {
        let path = folder.path().join("file");
        fs::write(&path, text).expect("file");
        path.to_str().expect("UTF-8").to_owned()
    };
    for text in
        [value.to_owned(), format!("A={value}"), format!("{value}="), format!("A=sec_{value}"), format!("{value} = b")]
    {
        silent(&cli, &needle, &["vault", "export", "--envdef", &file(&text)], b"", 1);
        silent(&cli, &needle, &["run-request", &file(&text)], b"", 1);
    }
    let variable = |variable: serde_json::Value| json!({ "args": ["true"], "env_vars": [variable] }).to_string();
    for text in [
        json!(value).to_string(),
        format!("{{\"environment\": {{\"A\": \"{value}\"}}"),
        json!({ "environment": { "A": value }, "privileged": true }).to_string(),
        json!({ "environment": { "A": [value] } }).to_string(),
        json!({ "environment": { "A": format!("{value}\0") } }).to_string(),
        json!({ "environment": { "A": value }, "env_vars": [{ "name": "A", "value": value }] }).to_string(),
        variable(json!({ "name": "A", "value": value, "x": 1 })),
        variable(json!({ "name": "A B", "value": value })),
        // What it asks for is wrong only on this machine.
        variable(json!({ "name": "A", "value": value })),
    ] {
        let rootfs = folder.path().join("absent");
        let args = ["run-request", &file(&text), "--rootfs", path(&rootfs), "--engine", "runc"];
        silent(&cli, &needle, &args, b"", 1);
        silent(&cli, &needle, &["run-request", "-", "--rootfs", path(&rootfs)], text.as_bytes(), 1);
    }
}

fn path(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// What its user's other programs could read, a core dump would hold too (proc(5), prctl(2)).
#[test]
fn a_value_in_the_memory_of_the_command_line_is_its_own() {
    const USER: u32 = 61001;
    let folder = temporary_folder();
    let daemon = Daemon::start_as(USER, folder.path());
    let owner = |program: &Path, args: &[&str]| {
        let mut command = Command::new(program);
        command.args(args).env_clear().env("AMPOULE_SOCKET", daemon.socket()).uid(USER).gid(USER);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("started");
        // Only what waits for its input has got as far as it will.
        let waits = || fs::read_to_string(format!("/proc/{}/stat", child.id())).is_ok_and(|stat| stat.contains(") S "));
        wait_until("it waits", waits);
        let owner = fs::metadata(format!("/proc/{}/mem", child.id())).expect("a process").uid();
        drop(child.stdin.take());
        child.wait().expect("ended");
        owner
    };
    assert_eq!(owner(&daemon.program(), &["vault", "add", "-d", "x", "--from_file", "-"]), 0);
    assert_eq!(owner(Path::new("/bin/cat"), &[]), USER, "a usual program's memory is its user's");
}
