//! What the command line and the daemon refuse: the message, the exit code, and that nothing changed.

use std::fs;

use serde_json::Value;

use crate::support::cli::Cli;
use crate::support::daemon::Daemon;
use crate::support::impostor::{self, Impostor};
use crate::support::process::{self, Ran};
use crate::support::rig::temporary_folder;

/// A daemon with one secret, and what can be seen of it.
struct Vault {
    daemon: Daemon,
    cli: Cli,
    secret: String,
    before: (Value, Vec<Value>),
    _folder: tempfile::TempDir,
}

impl Vault {
    fn new() -> Self {
        let folder = temporary_folder();
        let daemon = Daemon::start(folder.path());
        let cli = daemon.cli();
        let secret = cli.add("alpha");
        let before = state(&cli);
        Self { daemon, cli, secret, before, _folder: folder }
    }

    /// Runs a command that must fail with this code and a message that names all of this.
    #[track_caller]
    fn refused(&self, args: &[&str], stdin: &[u8], code: i32, named: &[&str]) {
        let ran = self.cli.run(args, stdin);
        assert_refused(&format!("{args:?}"), &ran, code, named);
        assert_eq!(state(&self.cli), self.before, "{args:?} changed something");
    }
}

/// The secrets, and the log without the traces of looking.
fn state(cli: &Cli) -> (Value, Vec<Value>) {
    let changes = cli.audit().into_iter().filter(|entry| {
        let looking = entry["action"] == "vault.object.list" || entry["action"] == "vault.object.describe";
        let refused = entry["attributes"]["outcome"] != "ok";
        !looking && !refused
    });
    (cli.list(), changes.collect())
}

#[track_caller]
fn assert_refused(what: &str, ran: &Ran, code: i32, named: &[&str]) {
    assert_eq!(ran.code(), code, "{what}: {}", ran.err());
    assert!(ran.stdout.is_empty(), "{what}: {}", ran.out());
    for part in named {
        assert!(ran.err().contains(part), "{what}: \"{part}\" is not in: {}", ran.err());
    }
    assert!(!ran.err().contains("panicked"), "{what}: {}", ran.err());
}

#[test]
fn unknown_commands_and_flags() {
    let vault = Vault::new();
    for (args, named) in [
        (&["valt"][..], "valt"),
        (&["vault", "ad"], "ad"),
        (&["vault", "add", "--no-such-flag"], "--no-such-flag"),
        (&["vault", "add", "--value", "secret"], "--value"),
        (&["vault", "set", "--from_file", "-"], "--object_id"),
        (&["vault", "list", "-o", "xml"], "xml"),
        (&["vault", "delete"], "--object_id"),
        (&["serve", "extra"], "extra"),
        (&["run-request"], "FILE"),
    ] {
        vault.refused(args, b"", 2, &[named]);
    }
}

#[test]
fn malformed_ids_versions_and_labels() {
    let vault = Vault::new();
    for id in ["", "sec_", "sec_UPPER", "tok_abc", "sec_a b"] {
        vault.refused(&["vault", "describe", "--object_id", id], b"", 2, &["secret id"]);
        vault.refused(&["vault", "set", "--object_id", id, "--from_file", "-"], b"x", 2, &["secret id"]);
        vault.refused(&["vault", "delete", "--object-id", id], b"", 2, &["secret id"]);
    }
    let id = vault.secret.as_str();
    for version in ["0", "01", "one", "-1"] {
        let args = ["vault", "delete", "--object_id", id, &format!("--if-version-matches={version}")];
        vault.refused(&args, b"", 2, &["version"]);
    }
    for label in ["novalue", "=x", "Upper=x", "a_b=x", "-a=x"] {
        let args = ["vault", "add", "-d", "x", "--from_file", "-", &format!("--label={label}")];
        vault.refused(&args, b"x", 2, &["label"]);
    }
}

/// The usage that is shown with a mistake is that of the command in which it was made.
#[test]
fn usage_is_that_of_the_command() {
    let vault = Vault::new();
    for (args, usage) in [
        (&["vault", "describe", "--object_id", "x"][..], "Usage: ampoule vault describe "),
        (&["usage", "--object_id", "x"], "Usage: ampoule usage "),
        (&["doctor", "--endpoint", "https://localhost"], "Usage: ampoule doctor "),
    ] {
        vault.refused(args, b"", 2, &[usage]);
    }
}

#[test]
fn values_that_cannot_be_stored() {
    let vault = Vault::new();
    let id = vault.secret.as_str();
    let long = vec![b'x'; 64 * 1024 + 1];
    let values: [(&[u8], &str); 4] = [(b"", "empty"), (&long, "65536"), (b"a\0b", "NUL"), (b"\xff\xfe", "UTF-8")];
    for (value, named) in values {
        vault.refused(&["vault", "add", "-d", "x", "--from_file", "-"], value, 1, &[named]);
        vault.refused(&["vault", "set", "--object_id", id, "--from_file", "-"], value, 1, &[named]);
    }
    let most = vec![b'x'; 64 * 1024];
    vault.cli.run(&["vault", "add", "-d", "x", "--from_file", "-"], &most).ok();
}

#[test]
fn descriptions_and_labels_have_limits() {
    let vault = Vault::new();
    let long = "x".repeat(4097);
    vault.refused(&["vault", "add", "-d", &long, "--from_file", "-"], b"x", 1, &["description"]);
    let labels: Vec<_> = (0..65).map(|n| format!("--label=l{n}=x")).collect();
    let mut args = vec!["vault", "add", "-d", "x", "--from_file", "-"];
    args.extend(labels.iter().map(String::as_str));
    vault.refused(&args, b"x", 1, &["labels"]);
    vault.refused(&["vault", "add", "-d", "x", "--from_file", "-", "--label", "a=1,a=2"], b"x", 1, &["a"]);
}

#[test]
fn files_that_cannot_be_read() {
    let vault = Vault::new();
    for file in ["/nonexistent/value", "/proc", "/proc/self/mem"] {
        vault.refused(&["vault", "add", "-d", "x", "--from_file", file], b"", 1, &[file]);
    }
}

#[test]
fn secrets_that_are_not_there() {
    let vault = Vault::new();
    let unknown = "sec_abcdefghijklmnopqrst";
    vault.refused(&["vault", "describe", "--object_id", unknown], b"", 1, &[unknown]);
    vault.refused(&["vault", "set", "--object_id", unknown, "--from_file", "-"], b"x", 1, &[unknown]);
    vault.refused(&["vault", "delete", "--object_id", unknown], b"", 1, &[unknown]);
    let id = vault.secret.as_str();
    let args = ["vault", "set", "--object_id", id, "--if-version-matches", "7", "--from_file", "-"];
    vault.refused(&args, b"x", 1, &[id, "7"]);
    vault.refused(&["vault", "describe", "--object_id", id, "--reveal"], b"", 1, &["revealable"]);
}

#[test]
fn a_daemon_that_is_not_there() {
    let mut vault = Vault::new();
    let socket = vault.daemon.socket();
    let named = [socket.to_str().expect("UTF-8"), "ampoule serve"];
    let all: [&[&str]; 3] = [&["vault", "list"], &["vault", "add", "-d", "x", "--from_file", "-"], &["audit", "list"]];
    vault.daemon.kill();
    for args in all {
        assert_refused("no daemon", &vault.cli.run(args, b"x"), 1, &named);
    }
    fs::remove_file(&socket).expect("socket");
    for args in all {
        assert_refused("no socket", &vault.cli.run(args, b"x"), 1, &named);
    }
}

#[test]
fn a_socket_of_somebody_else_gets_no_value() {
    let mut vault = Vault::new();
    let socket = vault.daemon.socket();
    vault.daemon.kill();
    fs::remove_file(&socket).expect("socket");
    let impostor = Impostor::listen(&socket);
    let ran = vault.cli.run(&["vault", "add", "-d", "x", "--from_file", "-"], b"not for you");
    assert_refused("another owner", &ran, 1, &[socket.to_str().expect("UTF-8"), &impostor::UID.to_string()]);
    assert!(impostor.heard().is_empty(), "somebody else was told");
}

#[test]
fn a_second_daemon_on_the_same_state() {
    let vault = Vault::new();
    let mut second = vault.daemon.command();
    let other = vault.daemon.socket().with_file_name("other.sock");
    let ran = process::run(second.env("AMPOULE_SOCKET", &other), b"");
    let state_dir = vault.daemon.state();
    assert_refused("same state", &ran, 1, &["another daemon", state_dir.to_str().expect("UTF-8")]);
    assert!(!other.exists());
    let mut third = vault.daemon.command();
    let ran = process::run(third.env("AMPOULE_STATE_DIR", state_dir.with_file_name("other")), b"");
    assert_refused("same socket", &ran, 1, &["another daemon", vault.daemon.socket().to_str().expect("UTF-8")]);
    assert_eq!(state(&vault.cli), vault.before);
}

#[test]
fn settings_that_make_no_sense() {
    let folder = temporary_folder();
    let daemon = Daemon::stopped(folder.path());
    let config = folder.path().join("bad.yaml");
    let at = config.to_str().expect("UTF-8");
    for (text, named) in [
        ("log:\n  level: [\n", "bad.yaml:2:10: "),
        ("log:\n  format: xml\n", "bad.yaml:2:11: "),
        ("\nno_such_setting: 1\n", "no_such_setting"),
        ("socket: 7\n", "bad.yaml:1:9: "),
        ("versions_kept: 0\n", "bad.yaml:1:16: "),
        ("log:\n  format: json\nlog:\n  format: json\n", "bad.yaml:3:1: "),
    ] {
        fs::write(&config, text).expect("settings");
        let ran = process::run(daemon.command().env("AMPOULE_CONFIG", &config), b"");
        assert_refused(text, &ran, 1, &[at, named]);
    }
    fs::remove_file(&config).expect("settings");
    let ran = process::run(daemon.command().env("AMPOULE_CONFIG", &config), b"");
    assert_refused("no such file", &ran, 1, &[at]);
    assert!(!daemon.state().exists(), "the state directory was made");
}

#[test]
fn requests_that_make_no_sense() {
    let vault = Vault::new();
    let folder = temporary_folder();
    let file = folder.path().join("request.json");
    let at = file.to_str().expect("UTF-8");
    let args = ["run-request", at, "--rootfs", "/nonexistent", "--engine", "runc"];
    for (text, named) in [
        ("{\n  \"name\": ", "request.json:2:10: "),
        ("[]", "object"),
        ("{\"name\": \"web\", \"env_vars\": [{\"name\": \"A=B\"}]}", "env_vars[0].name"),
        ("{\"name\": \"web\", \"env_vars\": [{\"name\": \"A\", \"from_secret_id\": \"x\"}]}", "from_secret_id"),
        ("{\"name\": \"web\", \"envvars\": []}", "envvars"),
    ] {
        fs::write(&file, text).expect("request");
        vault.refused(&args, b"", 1, &[named]);
    }
    vault.refused(&["run-request", "/nonexistent.json"], b"", 1, &["/nonexistent.json"]);
}

/// The library behind it would take the word for the name of a part, and say nothing at all.
#[test]
fn a_log_level_that_is_none() {
    let folder = temporary_folder();
    let daemon = Daemon::stopped(folder.path());
    for level in ["loud", "warning", "ampoule=loud", "info,x=loud"] {
        let ran = process::run(daemon.command().args(["--log-level", level]), b"");
        assert_refused(level, &ran, 1, &["log.level", "error, warn, info, debug or trace"]);
        assert!(!daemon.state().exists(), "{level}: something was made");
    }
}
