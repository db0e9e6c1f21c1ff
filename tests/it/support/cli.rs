//! The command line, as a person or a script uses it.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::process::{self, Ran};
use super::programs;

/// The command line on one socket.
pub(crate) struct Cli {
    socket: PathBuf,
    /// Who calls, if not root, and the program where that user can execute it.
    user: Option<(u32, PathBuf)>,
}

impl Cli {
    pub(crate) fn new(socket: &Path) -> Self {
        Self { socket: socket.to_owned(), user: None }
    }

    /// That of a user with a daemon of their own.
    pub(crate) fn of_user(user: u32, program: PathBuf, socket: &Path) -> Self {
        Self { socket: socket.to_owned(), user: Some((user, program)) }
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = match &self.user {
            None => Command::new(programs::ampoule()),
            Some((user, program)) => {
                let mut command = Command::new(program);
                command.uid(*user).gid(*user).current_dir("/");
                command
            }
        };
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("AMPOULE_SOCKET", &self.socket).args(args);
        command
    }

    #[track_caller]
    pub(crate) fn run(&self, args: &[&str], stdin: &[u8]) -> Ran {
        process::run(&mut self.command(args), stdin)
    }

    /// Stores a value; the new secret's id.
    #[track_caller]
    pub(crate) fn add(&self, value: &str) -> String {
        let args = ["vault", "add", "-d", "made by a test", "--from_file", "-", "-o", "json"];
        let made = self.json(&args, value.as_bytes());
        made["object_id"].as_str().expect("object_id").to_owned()
    }

    /// Stores a new version.
    #[track_caller]
    pub(crate) fn set(&self, id: &str, value: &str) {
        self.run(&["vault", "set", "--object_id", id, "--from_file", "-"], value.as_bytes()).ok();
    }

    #[track_caller]
    pub(crate) fn delete(&self, id: &str) {
        self.run(&["vault", "delete", "--object_id", id], b"").ok();
    }

    #[track_caller]
    pub(crate) fn list(&self) -> Value {
        self.json(&["vault", "list", "-o", "json"], b"")
    }

    /// What containers hold.
    #[track_caller]
    pub(crate) fn usage(&self, args: &[&str]) -> Vec<Value> {
        let listed = self.json(&[&["usage", "-o", "json"], args].concat(), b"");
        listed.as_array().expect("a list").clone()
    }

    /// The entries of the audit log, oldest first.
    #[track_caller]
    pub(crate) fn audit(&self) -> Vec<Value> {
        let listed = self.json(&["audit", "list", "-o", "json"], b"");
        listed.as_array().expect("a list").iter().map(|item| item["entry"].clone()).collect()
    }

    /// The entries about injections into a container.
    #[track_caller]
    pub(crate) fn injections(&self) -> Vec<Value> {
        self.entries("vault.object.inject")
    }

    /// The entries about this action.
    #[track_caller]
    pub(crate) fn entries(&self, action: &str) -> Vec<Value> {
        self.audit().into_iter().filter(|entry| entry["action"] == action).collect()
    }

    #[track_caller]
    fn json(&self, args: &[&str], stdin: &[u8]) -> Value {
        serde_json::from_slice(&self.run(args, stdin).ok().stdout).expect("JSON")
    }
}
