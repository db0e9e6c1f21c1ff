//! The command line of a `checkpoint`.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use super::{Dialect, Value, command, option, option_before_command, text};

/// The command, and what youki calls it.
const NAMES: [&str; 2] = ["checkpoint", "checkpointt"];

/// Options of `checkpoint` that take a value (runc, crun and youki together).
const OPTIONS: [(&str, u8); 9] = [
    ("image-path", 0),
    ("work-path", 0),
    ("parent-path", 0),
    ("status-fd", 0),
    ("page-server", 0),
    ("manage-cgroups-mode", 0),
    ("empty-ns", 0),
    ("network-lock", 0),
    ("console-socket", 0),
];

/// The arguments of a `checkpoint`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The runtime's `--root`, if it was given.
    pub root: Option<OsString>,
    /// The container's id, if one was given.
    pub id: Option<String>,
}

impl Checkpoint {
    /// Reads a `checkpoint`; `None` for every other command and for none.
    pub fn parse(argv: &[OsString], dialect: Dialect) -> Option<Self> {
        let command = command(argv, dialect).filter(|&at| NAMES.iter().any(|name| argv[at] == *name))?;
        let root = option_before_command(argv, dialect, "root");
        let mut index = command + 1;
        while index < argv.len() {
            let argument = argv[index].as_bytes();
            if argument == b"--" {
                index += 1;
                break;
            }
            let Some(found) = option(argument, dialect, &OPTIONS) else { break };
            index += if matches!(found.value, Value::Next) { 2 } else { 1 };
        }
        Some(Self { root, id: text(argv.get(index)) })
    }
}
