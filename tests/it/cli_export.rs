//! `vault export`: values on their way into a shell.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sys::statfs::{TMPFS_MAGIC, statfs};
use tempfile::TempDir;

use crate::support::cli::Cli;
use crate::support::daemon::Daemon;
use crate::support::process::{self, Ran};
use crate::support::programs;
use crate::support::rig::temporary_folder;

/// A daemon, and a folder in memory that exported files go to.
struct Exports {
    cli: Cli,
    volatile: TempDir,
    folder: TempDir,
    _daemon: Daemon,
}

impl Exports {
    fn new() -> Self {
        let folder = temporary_folder();
        let daemon = Daemon::start(folder.path());
        let volatile = tempfile::tempdir_in("/dev/shm").expect("a folder in /dev/shm");
        Self { cli: daemon.cli(), volatile, folder, _daemon: daemon }
    }

    /// Stores a value that can be read back; its id.
    fn add(&self, value: &str) -> String {
        let args = ["vault", "add", "-d", "x", "--revealable", "--from_file", "-", "-o", "json"];
        let made = self.cli.run(&args, value.as_bytes()).ok();
        let made: serde_json::Value = serde_json::from_slice(&made.stdout).expect("JSON");
        made["object_id"].as_str().expect("an id").to_owned()
    }

    fn envdef(&self, text: &str) -> PathBuf {
        let path = self.folder.path().join("web.env");
        fs::write(&path, text).expect("envdef");
        path
    }

    fn command(&self, envdef: &str, more: &[&str]) -> Command {
        let path = self.envdef(envdef);
        let mut command = self.cli.command(&["vault", "export"]);
        command.arg("--envdef").arg(path).args(more).env("XDG_RUNTIME_DIR", self.volatile.path());
        command
    }

    fn export(&self, envdef: &str) -> Ran {
        process::run(&mut self.command(envdef, &[]), b"")
    }

    /// The files with values that are there now.
    fn files(&self) -> Vec<PathBuf> {
        fs::read_dir(self.volatile.path()).expect("folder").map(|entry| entry.expect("entry").path()).collect()
    }

    /// Runs a script of that shell with the commands for it in `$COMMANDS`.
    fn script(&self, shell: &str, envdef: &str, script: &str) -> Ran {
        let commands = process::run(&mut self.command(envdef, &["--shell", "bash"]), b"").ok();
        assert_eq!(commands.err(), "");
        let mut shell = Command::new(programs::system(shell, shell));
        shell.args(["-c", script]).env_clear().env("PATH", "/usr/bin:/bin").env("COMMANDS", commands.out());
        process::run(&mut shell, b"")
    }
}

#[test]
fn the_file_is_private_in_memory_and_told() {
    let exports = Exports::new();
    let id = exports.add("hunter2");
    let ran = exports.export(&format!("# one\n\nA={id}\n  B = {id}\n")).ok();
    let path = Path::new(ran.out().trim_end()).to_owned();
    assert_eq!(exports.files(), std::slice::from_ref(&path));
    let meta = fs::symlink_metadata(&path).expect("file");
    assert!(meta.is_file());
    assert_eq!(meta.mode() & 0o7777, 0o600);
    assert_eq!(statfs(&path).expect("statfs").filesystem_type(), TMPFS_MAGIC);
    assert_eq!(fs::read_to_string(&path).expect("file"), "A=hunter2\nB=hunter2\n");
    assert!(ran.err().contains(path.to_str().expect("UTF-8")) && !ran.err().contains("hunter2"), "{}", ran.err());
}

#[test]
fn a_folder_on_a_disk_is_the_last_choice() {
    let exports = Exports::new();
    let envdef = format!("A={}\n", exports.add("hunter2"));
    let mut command = exports.command(&envdef, &[]);
    let ran = process::run(command.env("XDG_RUNTIME_DIR", exports.folder.path()), b"").ok();
    let out = ran.out();
    let path = Path::new(out.trim_end());
    assert_eq!(statfs(path).expect("statfs").filesystem_type(), TMPFS_MAGIC, "{}", path.display());
    fs::remove_file(path).expect("exported file");
}

#[test]
fn every_value_survives_the_shell() {
    let exports = Exports::new();
    let values = [
        "plain",
        "two  words ",
        "it's \"quoted\" \\n",
        "$HOME `id` $(id) ${x} !! ~ * ? [a]",
        "several\nlines\n\n",
        "\n",
        "\ttab\r\u{1}\u{7f}",
        "grün 😀",
        "-n",
        "''",
        "; exit 3 #",
    ];
    let lines: Vec<String> = (0..).zip(values).map(|(n, value)| format!("V{n}={}\n", exports.add(value))).collect();
    let read = (0..values.len()).fold(String::new(), |script, n| script + &format!("printf '%s\\0' \"$V{n}\";"));
    let script = format!("eval \"$COMMANDS\" && {read} env -0 | tr '\\0' '\\n' | grep -c '^V[0-9]*=' >&2");
    for shell in ["bash", "dash"] {
        let ran = exports.script(shell, &lines.concat(), &script).ok();
        assert_eq!(ran.out().split_terminator('\0').collect::<Vec<_>>(), values, "{shell}");
        assert_eq!(ran.err().trim(), values.len().to_string(), "{shell}: all are exported");
        assert!(exports.files().is_empty(), "{shell} left {:?}", exports.files());
    }
}

#[test]
fn the_file_is_gone_whatever_the_variables_do() {
    let exports = Exports::new();
    let id = exports.add("/nowhere");
    let envdef = |name: &str| format!("{name}={id}\n");
    // With this PATH there is no `rm` any more; the other one can't be assigned, which ends a script of dash.
    for (shell, name, before) in
        [("bash", "PATH", ""), ("dash", "PATH", ""), ("bash", "UID", ""), ("dash", "FIXED", "readonly FIXED=1;")]
    {
        exports.script(shell, &envdef(name), &format!("{before} eval \"$COMMANDS\""));
        assert!(exports.files().is_empty(), "{shell} with {name} left {:?}", exports.files());
    }
}

/// All that is wrong with these leaves no file, and is told without the values.
#[test]
fn what_cannot_be_exported() {
    let exports = Exports::new();
    let id = exports.add("hunter2");
    let hidden = exports.cli.add("hunter3");
    let gone = exports.add("hunter4");
    exports.cli.delete(&gone);
    for (envdef, place, named) in [
        (format!("A={id}\n# again\nA={id}\n"), ":3: ", "line 1"),
        (format!("A={id}\n2ND={id}\n"), ":2: ", "variable name"),
        (format!("export A={id}\n"), ":1: ", "variable name"),
        (format!("A-B={id}\n"), ":1: ", "variable name"),
        (format!("={id}\n"), ":1: ", "variable name"),
        ("A=hunter2\n".to_owned(), ":1: ", "NAME=sec_"),
        ("A=tok_abc\n".to_owned(), ":1: ", "NAME=sec_"),
        ("\n\nhunter2\n".to_owned(), ":3: ", "NAME=sec_"),
        ("-----BEGIN KEY-----\nhunter2==\n".to_owned(), ":1: ", "NAME=sec_"),
        (format!("A={id}\nhunter2==\n"), ":2: ", "NAME=sec_"),
        (format!("A={id}\nB={hidden}\n"), "", hidden.as_str()),
        (format!("A={id}\nB={gone}\n"), "", "is deleted"),
        (format!("A={id}\nB=sec_unknown\n"), "", "sec_unknown"),
    ] {
        let ran = exports.export(&envdef);
        assert_eq!(ran.code(), 1, "{envdef}: {}", ran.err());
        let place = if place.is_empty() { String::new() } else { format!("web.env{place}") };
        assert!(ran.err().contains(&place) && ran.err().contains(named), "{envdef}: {}", ran.err());
        assert!(!ran.err().contains("hunter") && ran.out().is_empty(), "{envdef}: {}", ran.err());
        assert!(exports.files().is_empty(), "{envdef} left {:?}", exports.files());
    }
}

#[test]
fn a_file_that_nobody_learns_of_is_not_left() {
    let exports = Exports::new();
    let envdef = format!("A={}\n", exports.add("hunter2"));
    for more in [&[][..], &["--shell", "bash"]] {
        let full = fs::File::options().write(true).open("/dev/full").expect("/dev/full");
        let mut command = exports.command(&envdef, more);
        let ran = process::Job::start(&mut command, b"", |command| command.stdout(full).spawn()).wait();
        assert_eq!(ran.code(), 1);
        assert!(ran.err().contains("standard output"), "{}", ran.err());
        assert!(exports.files().is_empty(), "left {:?}", exports.files());
    }
}
