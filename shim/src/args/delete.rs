//! The command line of a `delete`.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use super::{Dialect, command, option_before_command, text};

/// The arguments of a `delete`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delete {
    /// The runtime's `--root`, if it was given.
    pub root: Option<OsString>,
    /// The container's id, if one was given.
    pub id: Option<String>,
    /// Whether a running container is to be killed (`--force`).
    pub force: bool,
}

impl Delete {
    /// Reads a `delete`; `None` for every other command and for none.
    pub fn parse(argv: &[OsString], dialect: Dialect) -> Option<Self> {
        let command = command(argv, dialect).filter(|&at| argv[at] == "delete")?;
        let root = option_before_command(argv, dialect, "root");
        let (options, others): (Vec<_>, Vec<_>) =
            argv[command + 1..].iter().partition(|argument| argument.as_bytes().starts_with(b"-"));
        let is_force = |option: &&OsString| {
            let name = option.as_bytes();
            // crun takes abbreviations.
            name == b"-f" || name == b"-force" || (name.len() > 2 && b"--force".starts_with(name))
        };
        Some(Self { root, id: text(others.first().copied()), force: options.iter().any(is_force) })
    }
}
