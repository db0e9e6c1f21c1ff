//! What the daemon denies itself and others.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::Command;

use serde_json::json;

use super::strangers::call;
use super::{Home, Running};
use crate::support::process::{self, Ran};
use crate::support::programs;

const USER: u32 = 12345;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("metadata").permissions().mode() & 0o7777
}

/// Under the most careless umask that there is.
fn start_carelessly(home: &Home) -> Running {
    let daemon = home.command();
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", "umask 0; exec \"$@\"", "sh"]).arg(daemon.get_program()).args(daemon.get_args()).env_clear();
    home.start_by(shell.envs(daemon.get_envs().filter_map(|(name, value)| Some((name, value?)))))
}

#[test]
fn files_are_the_daemons_alone() {
    let home = Home::new();
    let daemon = start_carelessly(&home);
    home.client().add("alpha");
    let state = home.paths.state();
    assert_eq!((mode(&home.socket()), mode(&state)), (0o660, 0o700));
    let mut names = Vec::new();
    for entry in fs::read_dir(&state).expect("state").flatten() {
        names.push(entry.file_name().into_string().expect("UTF-8"));
        assert_eq!(mode(&entry.path()) & 0o077, 0, "{names:?}");
    }
    for name in ["root.key", "vault.db", "vault.db-wal", "vault.db-shm"] {
        assert!(names.iter().any(|found| found == name), "{name} is not among {names:?}");
    }
    daemon.stop();
}

#[test]
fn a_folder_that_others_can_look_into_shows_them_no_file() {
    let home = Home::new();
    let state = home.paths.state();
    fs::create_dir(&state).and_then(|()| fs::set_permissions(&state, Permissions::from_mode(0o755))).expect("state");
    let daemon = start_carelessly(&home);
    home.client().add("alpha");
    for entry in fs::read_dir(&state).expect("state").flatten() {
        assert_eq!(mode(&entry.path()) & 0o077, 0, "{:?}", entry.file_name());
    }
    daemon.stop();
}

#[test]
fn a_folder_that_others_can_write_to_is_refused() {
    for bad in [0o777, 0o770, 0o722] {
        let home = Home::new();
        let state = home.paths.state();
        fs::create_dir(&state).and_then(|()| fs::set_permissions(&state, Permissions::from_mode(bad))).expect("state");
        refused(&home, &format!("mode {bad:04o}"));
    }
    let home = Home::new();
    fs::create_dir(home.paths.state()).and_then(|()| chown(home.paths.state(), Some(USER), None)).expect("state");
    refused(&home, "it belongs to user 12345");
}

#[track_caller]
fn refused(home: &Home, named: &str) {
    let ran = process::run(&mut home.command(), b"");
    let state = home.paths.state();
    assert_eq!(ran.code(), 1, "{}", ran.err());
    for part in [state.to_str().expect("UTF-8"), named, "--state-dir"] {
        assert!(ran.err().contains(part), "\"{part}\" is not in: {}", ran.err());
    }
    assert_eq!(fs::read_dir(state).expect("state").count(), 0);
}

/// A line of a file in `/proc`, without its name and with single spaces.
fn proc(daemon: &Running, file: &str, name: &str) -> String {
    let text = fs::read_to_string(format!("/proc/{}/{file}", daemon.pid())).expect("the daemon runs");
    let line = text.lines().find_map(|line| line.strip_prefix(name)).expect(name);
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn it_leaves_no_core_and_gains_no_privileges() {
    let home = Home::new();
    let daemon = home.start();
    assert_eq!(proc(&daemon, "limits", "Max core file size"), "0 0 bytes");
    assert_eq!(proc(&daemon, "status", "NoNewPrivs:"), "1");
    daemon.stop();
}

fn as_user(command: &Command) -> Command {
    let mut setpriv = Command::new(programs::system("setpriv", "util-linux"));
    setpriv.arg(format!("--reuid={USER}")).arg(format!("--regid={USER}")).args(["--clear-groups", "--"]);
    setpriv.arg(command.get_program()).args(command.get_args()).env_clear();
    setpriv.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    setpriv
}

/// What a process of the user sees in another's folder in `/proc`.
fn read(pid: u32, file: &str) -> Ran {
    let mut cat = Command::new(programs::system("cat", "coreutils"));
    process::run(&mut as_user(cat.arg(format!("/proc/{pid}/{file}"))), b"")
}

/// A daemon that runs as a user: its other processes can't look into it, and it serves that user and root.
#[test]
fn another_process_of_its_user_cannot_look_inside() {
    let home = Home::new();
    // The user can reach neither root's folders nor what cargo built there.
    let program = home.folder().join("ampoule");
    programs::copy(&programs::ampoule(), &program);
    let mut command = Command::new(&program);
    let daemon = home.command();
    command.args(daemon.get_args()).envs(daemon.get_envs().filter_map(|(name, value)| Some((name, value?))));
    for path in [home.folder().to_owned(), program, home.folder().join("ampoule.yaml")] {
        chown(path, Some(USER), Some(USER)).expect("owner");
    }
    let daemon = home.start_by(&mut as_user(&command));
    let mut sleep = Command::new(programs::system("sleep", "coreutils"));
    let other = process::Job::start(&mut as_user(sleep.arg("1000")), b"", Command::spawn);
    for file in ["environ", "maps", "auxv"] {
        process::wait_until("an ordinary process shows it", || read(other.pid(), file).code() == 0);
        let ran = read(daemon.pid(), file);
        assert!(ran.code() != 0 && ran.err().contains("Permission denied"), "{file}: {}", ran.err());
    }
    let list = |uid| call(uid, &home.socket(), "/namespace.cloud.vault.v1beta.VaultService/ListObjects", &json!({}));
    assert_eq!((list(USER), list(0)), (Ok(json!({})), Ok(json!({}))));
    let keyfile = home.paths.state().join("root.key");
    assert_eq!((mode(&keyfile), mode(&home.socket())), (0o400, 0o660));
    daemon.stop();
}
