//! The command line of an `exec`.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use ampoule_proto::request::SCHEME;

use super::{Dialect, Value, command, option, option_before_command, text, value_at};

/// The arguments of an `exec`, without the program's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exec {
    argv: Vec<OsString>,
    dialect: Dialect,
    command: usize,
    process: Option<At>,
    /// The runtime's `--root`, if it was given.
    pub root: Option<OsString>,
    /// The container's id, if one was given.
    pub id: Option<String>,
    /// How many descriptors after the standard ones the process is to inherit (`--preserve-fds`).
    pub preserved: u32,
    /// The variable of an `--env` whose value is a reference.
    pub reference: Option<String>,
}

/// Where the last `--process` has its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct At {
    index: usize,
    /// How many bytes of the argument stand before the value.
    skip: usize,
}

/// Options of `exec` that take a value; an abbreviation means the first that it fits.
const OPTIONS: [(&str, u8); 13] = [
    ("process", b'p'),
    ("env", b'e'),
    ("preserve-fds", 0),
    ("user", b'u'),
    ("cwd", 0),
    ("cap", b'c'),
    ("additional-gids", b'g'),
    ("console-socket", 0),
    ("pid-file", 0),
    ("process-label", 0),
    ("apparmor", 0),
    ("cgroup", 0),
    ("debug", 0),
];

impl Exec {
    /// Reads an `exec`; `None` for every other command and for none.
    pub fn parse(argv: &[OsString], dialect: Dialect) -> Option<Self> {
        let command = command(argv, dialect).filter(|&at| argv[at] == "exec")?;
        let root = option_before_command(argv, dialect, "root");
        let argv = argv.to_vec();
        let mut found = Self { argv, dialect, command, process: None, root, id: None, preserved: 0, reference: None };
        found.read_options(dialect);
        Some(found)
    }

    /// The file with the process's description, if one was given.
    pub fn process(&self) -> Option<PathBuf> {
        self.process.map(|at| value_at(&self.argv, at.index, at.skip).into())
    }

    /// The arguments as they were given.
    pub fn as_given(&self) -> &[OsString] {
        &self.argv
    }

    /// The same arguments with another description of the process, if they had one.
    pub fn with_process(&self, path: &OsStr) -> Vec<OsString> {
        let mut argv = self.argv.clone();
        if let Some(At { index, skip }) = self.process {
            let head = &self.argv[index].as_bytes()[..skip];
            argv[index] = OsString::from_vec([head, path.as_bytes()].concat());
        }
        argv
    }

    /// The same arguments with another directory of states: of several the last counts.
    pub fn with_root(&self, root: &OsStr) -> Vec<OsString> {
        let with = |at: usize| {
            let mut argv = self.argv.clone();
            argv.splice(at..at, [OsString::from("--root"), root.to_owned()]);
            argv
        };
        let behind = with(self.command);
        // Where a `--` ends the options it must stand before that.
        let counts = option_before_command(&behind, self.dialect, "root").as_deref() == Some(root);
        if counts { behind } else { with(self.command.saturating_sub(1)) }
    }

    /// Options end at the container's id: what follows is the process's own.
    fn read_options(&mut self, dialect: Dialect) {
        let mut index = self.command + 1;
        while index < self.argv.len() {
            let argument = self.argv[index].as_bytes().to_vec();
            if argument == b"--" {
                index += 1;
                break;
            }
            let Some(found) = option(&argument, dialect, &OPTIONS) else { break };
            let (at, skip, used) = match found.value {
                Value::None => (index, 0, 1),
                Value::Inside(skip) => (index, skip, 1),
                Value::Next => (index + 1, 0, 2),
            };
            if !found.name.is_empty() && at < self.argv.len() {
                self.take(found.name, At { index: at, skip });
            }
            index += used;
        }
        self.id = text(self.argv.get(index));
    }

    fn take(&mut self, name: &str, at: At) {
        let value = || value_at(&self.argv, at.index, at.skip).to_string_lossy().into_owned();
        match name {
            "process" => self.process = Some(at),
            // What is no number the runtime refuses.
            "preserve-fds" => self.preserved = value().parse().unwrap_or_default(),
            "env" => {
                let entry = value();
                let referring = entry.split_once('=').filter(|(_, value)| value.starts_with(SCHEME));
                if let Some((variable, _)) = referring {
                    self.reference = Some(variable.to_owned());
                }
            }
            _ => {}
        }
    }
}
