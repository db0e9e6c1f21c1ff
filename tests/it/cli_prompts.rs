//! What the command line and the daemon ask at a terminal, and what they show there.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::support::cli::Cli;
use crate::support::daemon::Daemon;
use crate::support::process;
use crate::support::rig::temporary_folder;
use crate::support::terminal::{Closed, Terminal};

/// A daemon, and somebody at a terminal beside it.
struct Desk {
    daemon: Daemon,
    cli: Cli,
    folder: TempDir,
}

impl Desk {
    fn new() -> Self {
        let folder = temporary_folder();
        let daemon = Daemon::start(folder.path());
        Self { cli: daemon.cli(), daemon, folder }
    }

    fn run(&self, args: &[&str]) -> Terminal {
        Terminal::start(&self.cli.command(args))
    }

    /// Runs a command that asks for a value, and answers.
    #[track_caller]
    fn answer(&self, args: &[&str], first: &[u8], second: &[u8]) -> Closed {
        let mut terminal = self.run(args);
        terminal.wait_for("Value: ");
        terminal.write(first);
        terminal.wait_for("The same again: ");
        terminal.write(second);
        terminal.close()
    }

    fn value(&self, id: &str) -> Vec<u8> {
        self.cli.run(&["vault", "describe", "--object_id", id, "--reveal"], b"").ok().stdout
    }

    fn revealable(&self, value: &str) -> String {
        let args = ["vault", "add", "-d", "x", "--revealable", "--from_file", "-", "-o", "json"];
        let made = self.cli.run(&args, value.as_bytes()).ok();
        let made: serde_json::Value = serde_json::from_slice(&made.stdout).expect("JSON");
        made["object_id"].as_str().expect("an id").to_owned()
    }
}

const ADD: [&str; 4] = ["vault", "add", "-d", "typed"];

#[test]
fn a_value_is_asked_for_twice_and_never_shown() {
    let desk = Desk::new();
    let closed = desk.answer(&[&ADD[..], &["--revealable"]].concat(), b"hunter2\r", b"hunter2\r");
    assert_eq!(closed.code, 0, "{}", closed.shown);
    assert!(closed.shown.starts_with("Value: \r\nThe same again: \r\nObject ID:   sec_"), "{}", closed.shown);
    assert!(!closed.shown.contains("hunter2") && closed.is_restored, "{}", closed.shown);
    let id = desk.cli.list()[0]["object_id"].as_str().expect("an id").to_owned();
    assert_eq!(desk.value(&id), b"hunter2");
    let closed = desk.answer(&["vault", "set", "--object_id", &id], b"hunter3\r", b"hunter3\r");
    assert_eq!(closed.code, 0, "{}", closed.shown);
    assert!(!closed.shown.contains("hunter3") && closed.is_restored, "{}", closed.shown);
    assert_eq!(desk.value(&id), b"hunter3");
}

#[test]
fn a_token_is_asked_for_and_never_shown() {
    let desk = Desk::new();
    let file = desk.folder.path().join("ns/token.json");
    let mut terminal = desk.run(&["login", "--token_file", file.to_str().expect("UTF-8")]);
    terminal.wait_for("Token: ");
    terminal.write(b"amp_hunter2\r");
    let closed = terminal.close();
    assert_eq!(closed.code, 0, "{}", closed.shown);
    assert!(!closed.shown.contains("hunter2") && closed.is_restored, "{}", closed.shown);
    assert_eq!(fs::read_to_string(&file).expect("a file"), r#"{"bearer_token":"amp_hunter2"}"#);
}

#[test]
fn entries_that_differ_store_nothing() {
    let desk = Desk::new();
    let id = desk.revealable("before");
    for args in [&ADD[..], &["vault", "set", "--object_id", &id]] {
        let closed = desk.answer(args, b"hunter2\r", b"hunter3\r");
        assert_eq!(closed.code, 1, "{}", closed.shown);
        assert!(closed.shown.contains("differ") && !closed.shown.contains("hunter"), "{}", closed.shown);
        assert!(closed.is_restored);
    }
    assert_eq!(desk.cli.list().as_array().expect("a list").len(), 1);
    assert_eq!(desk.value(&id), b"before");
}

#[test]
fn a_line_can_be_corrected_and_be_as_long_as_any_value() {
    let desk = Desk::new();
    let id = desk.revealable("before");
    let set = ["vault", "set", "--object_id", &id];
    // Backspace takes a whole character, and Ctrl-U the line.
    let closed = desk.answer(&set, "x€\x7f\x7fwrong\x15a\tü€\x7f\r".as_bytes(), "a\tü\r".as_bytes());
    assert_eq!(closed.code, 0, "{}", closed.shown);
    assert_eq!(desk.value(&id), "a\tü".as_bytes());
    // The kernel's own lines end at 4,095 bytes.
    let long = "x".repeat(64 * 1024);
    let closed = desk.answer(&set, format!("{long}\r").as_bytes(), format!("{long}\r").as_bytes());
    assert_eq!(closed.code, 0, "{}", closed.shown);
    assert!(desk.value(&id) == long.as_bytes());
}

#[test]
fn what_is_no_line_is_refused_whole() {
    let desk = Desk::new();
    for (keys, named) in [
        // Several lines pasted at once: the rest must not become commands of the shell.
        (&b"first\rsecond\rthird\rfourth\r"[..], "differ"),
        (b"arrow\x1b[A\r", "control character"),
        (b"\x04", "end of file"),
        (b"\r\r", "empty"),
        (&[&vec![b'x'; 64 * 1024 + 1], &b"\r"[..]].concat(), "too long"),
    ] {
        let mut terminal = desk.run(&ADD);
        terminal.wait_for("Value: ");
        terminal.write(keys);
        let closed = terminal.close();
        assert_eq!(closed.code, 1, "{}", closed.shown);
        assert!(closed.shown.contains(named), "\"{named}\" is not in: {}", closed.shown);
        assert!(closed.is_restored && closed.unread.is_empty(), "left: {:?}", closed.unread);
        assert!(!closed.shown.contains("arrow") && !closed.shown.contains("third"), "{}", closed.shown);
    }
    assert_eq!(desk.cli.list(), serde_json::json!([]));
}

#[test]
fn control_c_leaves_the_terminal_as_it_was() {
    let desk = Desk::new();
    let mut terminal = desk.run(&ADD);
    terminal.wait_for("Value: ");
    terminal.write(b"half a val\x03");
    let closed = terminal.close();
    assert_eq!(closed.code, 130, "as of a program that SIGINT ended: {}", closed.shown);
    assert!(closed.is_restored);
    assert!(!closed.shown.contains("half"), "{}", closed.shown);
    assert_eq!(desk.cli.list(), serde_json::json!([]));
}

#[test]
fn nobody_is_asked_in_vain() {
    let mut desk = Desk::new();
    desk.daemon.kill();
    let closed = desk.run(&ADD).close();
    assert_eq!(closed.code, 1, "{}", closed.shown);
    assert!(closed.shown.contains("ampoule serve") && !closed.shown.contains("Value"), "{}", closed.shown);
}

#[test]
fn without_a_terminal_nobody_is_asked() {
    let desk = Desk::new();
    let ran = desk.cli.run(&ADD, b"hunter2\n");
    assert_eq!(ran.code(), 1);
    assert!(ran.err().contains("--from_file"), "{}", ran.err());
    assert_eq!(desk.cli.list(), serde_json::json!([]));
}

/// The same list, where it is read by a program and where by a person.
#[test]
fn tables_are_aligned_and_bold_on_a_terminal_alone() {
    let desk = Desk::new();
    let ids = ["one", "two"].map(|value| desk.cli.add(value));
    let piped = desk.cli.run(&["vault", "list"], b"").ok().out();
    let cells: Vec<Vec<&str>> = piped.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!(cells[0], ["OBJECT ID", "VERSION", "DESCRIPTION", "CREATED"]);
    assert_eq!(cells[1..].iter().map(|row| row[0]).collect::<Vec<_>>(), ids);
    assert!(!piped.contains('\x1b'));

    let shown = desk.run(&["vault", "list"]).close().shown;
    let lines: Vec<&str> = shown.lines().collect();
    let heading = format!("\x1b[1m{:<width$}  VERSION  DESCRIPTION     CREATED", "OBJECT ID", width = ids[0].len());
    assert!(lines[0].starts_with(&heading), "{shown:?}");
    assert!(lines[0].ends_with("\x1b[0m") && shown.matches('\x1b').count() == 2, "{shown:?}");
    assert_eq!(lines[1], cells[1].join("  ").replace("  1  ", "  1        "), "{shown:?}");

    for (name, value) in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        let plain = Terminal::start(desk.cli.command(&["vault", "list"]).env(name, value)).close().shown;
        assert_eq!(plain, shown.replace("\x1b[1m", "").replace("\x1b[0m", ""), "{name}");
    }
    let coloured = Terminal::start(desk.cli.command(&["vault", "list"]).env("NO_COLOR", "")).close().shown;
    assert_eq!(coloured, shown, "an empty NO_COLOR asks for nothing");
}

#[test]
fn a_value_ends_its_line_on_a_terminal_alone() {
    let desk = Desk::new();
    for (value, shown) in [("hunter2", "hunter2\r\n"), ("two\nlines\n", "two\r\nlines\r\n")] {
        let id = desk.revealable(value);
        assert_eq!(desk.value(&id), value.as_bytes());
        assert_eq!(desk.run(&["vault", "describe", "--object_id", &id, "--reveal"]).close().shown, shown);
    }
}

/// A vault that a passphrase opens.
struct Locked {
    daemon: Daemon,
    folder: TempDir,
}

impl Locked {
    fn new() -> Self {
        let folder = temporary_folder();
        Self { daemon: Daemon::stopped(folder.path()), folder }
    }

    /// Starts the daemon at a terminal.
    fn serve(&self) -> Terminal {
        Terminal::start(self.daemon.command().args(["--root-key", "passphrase"]))
    }

    /// Starts it with its passphrase given elsewhere, to see whether it opens the vault.
    #[track_caller]
    fn opens(&self, give: impl FnOnce(&mut std::process::Command)) {
        let mut command = self.daemon.command();
        give(&mut command);
        let mut terminal = Terminal::start(&command);
        terminal.wait_for("\"ready\"");
        let shown = stop(terminal).shown;
        assert!(!shown.contains("Passphrase") && !shown.contains(PASSPHRASE), "{shown}");
    }

    fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, content)
            .and_then(|()| fs::set_permissions(&path, Permissions::from_mode(0o600)))
            .expect("file");
        path
    }
}

const PASSPHRASE: &str = "correct horse battery staple";

/// Ends a daemon as an init system does.
#[track_caller]
fn stop(terminal: Terminal) -> Closed {
    kill(Pid::from_raw(terminal.pid().cast_signed()), Signal::SIGTERM).expect("signal");
    let closed = terminal.close();
    assert_eq!(closed.code, 0, "{}", closed.shown);
    closed
}

#[test]
fn a_passphrase_is_asked_for_twice_at_the_first_start_and_once_later() {
    let locked = Locked::new();
    let mut terminal = locked.serve();
    for question in ["Passphrase of the vault: ", "The same again: "] {
        terminal.wait_for(question);
        terminal.write(format!("{PASSPHRASE}\r").as_bytes());
    }
    terminal.wait_for("\"ready\"");
    let first = stop(terminal).shown;
    assert!(!first.contains("correct horse"), "{first}");

    let mut terminal = locked.serve();
    terminal.wait_for("Passphrase of the vault: ");
    terminal.write(format!("{PASSPHRASE}\r").as_bytes());
    terminal.wait_for("\"ready\"");
    let later = stop(terminal).shown;
    assert!(!later.contains("again") && !later.contains("correct horse"), "{later}");

    let mut terminal = locked.serve();
    terminal.wait_for("Passphrase of the vault: ");
    terminal.write(b"wrong horse\r");
    let refused = terminal.close();
    assert_eq!(refused.code, 1, "{}", refused.shown);
    assert!(refused.shown.contains("Give the key that the vault was made with"), "{}", refused.shown);
    assert!(!refused.shown.contains("wrong horse") && refused.is_restored, "{}", refused.shown);
}

#[test]
fn a_passphrase_that_was_mistyped_makes_no_vault() {
    let locked = Locked::new();
    for _ in 0..2 {
        let mut terminal = locked.serve();
        terminal.wait_for("Passphrase of the vault: ");
        terminal.write(b"one\r");
        terminal.wait_for("The same again: ");
        terminal.write(b"two\r");
        let closed = terminal.close();
        assert_eq!(closed.code, 1, "{}", closed.shown);
        assert!(closed.shown.contains("differ") && closed.is_restored, "{}", closed.shown);
    }
}

#[test]
fn a_passphrase_can_come_from_a_file_or_a_credential() {
    let locked = Locked::new();
    let with_newline = locked.file("passphrase", &format!("{PASSPHRASE}\n"));
    locked.opens(|command| {
        command.arg("--passphrase-file").arg(&with_newline);
    });
    let without = locked.file("ampoule.passphrase", PASSPHRASE);
    locked.opens(|command| {
        command.args(["--root-key", "passphrase"]).env("CREDENTIALS_DIRECTORY", without.parent().expect("folder"));
    });
    locked.opens(|command| {
        command.env("AMPOULE_PASSPHRASE_FILE", &without);
    });
}

#[test]
fn passphrases_that_cannot_be_had() {
    let locked = Locked::new();
    let refused = |file: Option<&Path>, named: &[&str]| {
        let mut command = locked.daemon.command();
        match file {
            Some(file) => command.arg("--passphrase-file").arg(file),
            None => command.args(["--root-key", "passphrase"]),
        };
        let ran = process::run(&mut command, b"");
        assert_eq!(ran.code(), 1, "{}", ran.err());
        assert!(named.iter().all(|part| ran.err().contains(part)), "{named:?} is not in: {}", ran.err());
    };
    refused(Some(&locked.file("empty", "\n")), &["empty", "--passphrase-file"]);
    refused(Some(Path::new("/nonexistent/passphrase")), &["/nonexistent/passphrase"]);
    refused(None, &["no terminal", "--passphrase-file"]);
    assert!(!locked.daemon.state().join("root.key").exists());
}
