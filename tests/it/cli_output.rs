//! Where the command line's words go, and what it does if they can't.

use std::fs::File;
use std::io;
use std::process::{Command, Stdio};

use serde_json::json;

use crate::support::cli::Cli;
use crate::support::daemon::Daemon;
use crate::support::process::{self, Ran};
use crate::support::programs;
use crate::support::rig::temporary_folder;
use crate::support::rpc::Rpc;

/// A daemon with so many secrets that their list fills any pipe.
fn full_vault() -> (Daemon, Cli, tempfile::TempDir) {
    let folder = temporary_folder();
    let daemon = Daemon::start(folder.path());
    let mut rpc = Rpc::new(&daemon.socket());
    for _ in 0..25 {
        rpc.create(&json!({ "value": "x", "description": "x".repeat(4000) }));
    }
    let cli = daemon.cli();
    (daemon, cli, folder)
}

/// Runs a command with its standard output going there.
fn run_into(command: &mut Command, stdin: &[u8], stdout: impl Into<Stdio>) -> Ran {
    process::Job::start(command, stdin, |command| command.stdout(stdout).spawn()).wait()
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let (_daemon, cli, folder) = full_vault();
    let head = "\"$0\" \"$@\" 2>errors | head -n 1; echo ${PIPESTATUS[0]}; cat errors";
    for args in [["vault", "list", "-o", "json"], ["vault", "list", "-o", "table"]] {
        let mut bash = Command::new(programs::system("bash", "bash"));
        let ampoule = cli.command(&args);
        bash.args(["-c", head]).arg(ampoule.get_program()).args(args).current_dir(folder.path()).env_clear();
        bash.envs(ampoule.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let out = process::run(&mut bash, b"").ok().out();
        let lines: Vec<&str> = out.lines().collect();
        assert_eq!((lines.len(), lines[1]), (2, "1"), "{args:?}: {out}");
    }
    for args in [["vault", "list"], ["--help", "--help"]] {
        let (reader, writer) = io::pipe().expect("pipe");
        drop(reader);
        let ran = run_into(&mut cli.command(&args), b"", writer);
        assert_eq!((ran.code(), ran.err().as_str()), (1, ""), "{args:?}");
    }
}

#[test]
fn a_full_disk_is_an_error() {
    let (_daemon, cli, _folder) = full_vault();
    let full = || File::options().write(true).open("/dev/full").expect("/dev/full");
    for args in
        [&["vault", "list"][..], &["vault", "list", "-o", "json"], &["audit", "list"], &["--version"], &["--help"]]
    {
        let ran = run_into(&mut cli.command(args), b"", full());
        assert_eq!(ran.code(), 1, "{args:?}");
        assert!(ran.err().starts_with("error: standard output can't be written: No space left"), "{}", ran.err());
    }
}

#[test]
fn a_change_that_was_made_is_told_in_the_error() {
    let folder = temporary_folder();
    let daemon = Daemon::start(folder.path());
    let cli = daemon.cli();
    let full = || File::options().write(true).open("/dev/full").expect("/dev/full");
    let failed = |args: &[&str], told: &str| {
        let ran = run_into(&mut cli.command(args), b"x", full());
        assert_eq!(ran.code(), 1, "{args:?}");
        assert!(ran.err().contains(told), "\"{told}\" is not in: {}", ran.err());
    };
    failed(&["vault", "add", "-d", "x", "--from_file", "-"], "Secret sec_");
    let id = cli.list()[0]["object_id"].as_str().expect("stored").to_owned();
    failed(&["vault", "set", "--object_id", &id, "--from_file", "-"], &format!("Version 2 of secret {id} is stored"));
    failed(&["vault", "delete", "--object_id", &id], &format!("Secret {id} is deleted"));
    assert_eq!(cli.list(), json!([]));
}

#[test]
fn a_newline_at_the_end_is_kept_and_told() {
    let folder = temporary_folder();
    let daemon = Daemon::start(folder.path());
    let cli = daemon.cli();
    let file = folder.path().join("value");
    for (value, noted) in [("hunter2\n", true), ("hunter2", false), ("a\nb", false)] {
        std::fs::write(&file, value).expect("value");
        for (source, stdin) in [("-", value), (file.to_str().expect("UTF-8"), "")] {
            let args = ["vault", "add", "--revealable", "-d", "x", "--from_file", source, "-o", "json"];
            let ran = cli.run(&args, stdin.as_bytes()).ok();
            assert_eq!(ran.err().contains("note: the value ends in a newline"), noted, "{value:?}: {}", ran.err());
            assert!(!ran.err().contains("hunter2"));
            let made: serde_json::Value = serde_json::from_slice(&ran.stdout).expect("JSON");
            let id = made["object_id"].as_str().expect("an id");
            let revealed = cli.run(&["vault", "describe", "--object_id", id, "--reveal"], b"").ok();
            assert_eq!(revealed.out(), value);
        }
    }
}
