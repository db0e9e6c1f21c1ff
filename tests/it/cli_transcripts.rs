//! The command line's own words: every help text, and sessions as people have them.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use crate::support::daemon::Daemon;
use crate::support::process;
use crate::support::programs;
use crate::support::rig::temporary_folder;
use crate::support::transcript::{self, Shell};

/// Replays a transcript beside a daemon of its own.
#[track_caller]
fn session(name: &str) {
    let folder = temporary_folder();
    let daemon = Daemon::start(folder.path());
    let bin = folder.path().join("bin");
    fs::create_dir(&bin).expect("folder");
    for name in ["ampoule", "nsc", "devbox"] {
        symlink(programs::ampoule(), bin.join(name)).expect("link");
    }
    let env = vec![
        ("PATH", format!("{}:/usr/bin:/bin", bin.display())),
        ("AMPOULE_SOCKET", daemon.socket().display().to_string()),
    ];
    transcript::check(name, &Shell { folder: folder.path().to_owned(), env });
}

#[test]
fn help() {
    session("help");
}

#[test]
fn no_help_text_is_left_out() {
    let kept = fs::read_to_string(transcript::path("help")).expect("transcript");
    let mut commands = vec![String::new()];
    while let Some(command) = commands.pop() {
        assert!(
            kept.contains(&format!("\n$ ampoule{command} --help\n")),
            "`ampoule{command} --help` is not in help.txt"
        );
        let args: Vec<&str> = command.split_whitespace().chain(["--help"]).collect();
        let help = process::run(Command::new(programs::ampoule()).args(args), b"").ok().out();
        let listed = help.split_once("\nCommands:\n").map_or("", |(_, after)| after);
        let names = listed.lines().map_while(|line| line.strip_prefix("  ")?.split(' ').next());
        commands
            .extend(names.filter(|name| !name.is_empty() && *name != "help").map(|name| format!("{command} {name}")));
    }
}

#[test]
fn a_secrets_life() {
    session("vault");
}

#[test]
fn the_name_and_flags_that_people_know() {
    session("nsc");
}

#[test]
fn values_for_a_shell() {
    session("export");
}

#[test]
fn the_audit_log() {
    session("audit");
}
