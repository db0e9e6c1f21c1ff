//! The command line of a runtime, as far as `create`, `run`, `exec` and `delete` need it.
//!
//! Nothing is refused here: the runtime knows its options better than we do and says so itself.

mod checkpoint;
mod delete;
mod exec;
#[cfg(test)]
mod tests;

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

pub use checkpoint::Checkpoint;
pub use delete::Delete;
pub use exec::Exec;

/// How a runtime reads its options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// runc and youki: `-bundle B`, `-b=B`.
    Go,
    /// crun, by `getopt_long(3)`: abbreviations such as `--bund B`, clusters such as `-bB`.
    Getopt,
}

impl Dialect {
    /// The dialect of the runtime of this name.
    pub fn of(runtime: &str) -> Self {
        if runtime.contains("crun") { Self::Getopt } else { Self::Go }
    }
}

/// The arguments of a `create` or `run`, without the program's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Args {
    argv: Vec<OsString>,
    pub(crate) command: usize,
    bundle: Option<Bundle>,
    /// crun's `--config`: the specification's name in the bundle.
    pub config: Option<PathBuf>,
    /// The container's id, if one was given.
    pub id: Option<String>,
}

/// The last `--bundle`, which is the one that counts.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Bundle {
    index: usize,
    /// How many bytes of the argument stand before the value.
    skip: usize,
}

impl Args {
    /// Reads a `create` or `run`; `None` for every other command and for none.
    pub fn parse(argv: &[OsString], dialect: Dialect) -> Option<Self> {
        let command = command(argv, dialect)?;
        if argv[command] != "create" && argv[command] != "run" {
            return None;
        }
        let mut found = Self { argv: argv.to_vec(), command, bundle: None, config: None, id: None };
        found.read_options(dialect);
        Some(found)
    }

    /// The bundle as it was given; the working directory if it wasn't.
    pub fn bundle(&self) -> PathBuf {
        let value = self.bundle.as_ref().map(|at| value_at(&self.argv, at.index, at.skip));
        PathBuf::from(value.unwrap_or_else(|| OsString::from(".")))
    }

    /// Whether the runtime stays with the container until that has ended, if it isn't told otherwise.
    pub fn runs(&self) -> bool {
        self.argv[self.command] == "run"
    }

    /// The arguments as they were given.
    pub fn as_given(&self) -> &[OsString] {
        &self.argv
    }

    /// The same arguments with another bundle.
    pub fn with_bundle(&self, bundle: &OsStr) -> Vec<OsString> {
        let mut argv = self.argv.clone();
        if let Some(at) = &self.bundle {
            let head = &self.argv[at.index].as_bytes()[..at.skip];
            argv[at.index] = OsString::from_vec([head, bundle.as_bytes()].concat());
        } else {
            let at = self.command + 1;
            argv.splice(at..at, [OsString::from("--bundle"), bundle.to_owned()]);
        }
        argv
    }

    fn read_options(&mut self, dialect: Dialect) {
        let mut index = self.command + 1;
        while index < self.argv.len() {
            let argument = self.argv[index].as_bytes().to_vec();
            if argument == b"--" {
                self.id = self.id.take().or_else(|| text(self.argv.get(index + 1)));
                return;
            }
            index += match option(&argument, dialect, &CREATE_OPTIONS) {
                None => {
                    self.id = self.id.take().or_else(|| text(self.argv.get(index)));
                    1
                }
                Some(option) => self.take(index, &option),
            };
        }
    }

    /// Keeps the value of an option that matters here; returns how many arguments it took.
    fn take(&mut self, index: usize, found: &Found) -> usize {
        let (at, skip, used) = match found.value {
            Value::None => return 1,
            Value::Inside(skip) => (index, skip, 1),
            Value::Next => (index + 1, 0, 2),
        };
        if at < self.argv.len() {
            match found.name {
                "bundle" => self.bundle = Some(Bundle { index: at, skip }),
                "config" => self.config = Some(PathBuf::from(value_at(&self.argv, at, skip))),
                _ => {}
            }
        }
        used
    }
}

/// The container that a `delete` is about; `None` for every other command.
pub fn deleted(argv: &[OsString], dialect: Dialect) -> Option<&OsString> {
    let at = command(argv, dialect).filter(|at| argv[*at] == "delete")?;
    argv[at + 1..].iter().find(|argument| !argument.as_bytes().starts_with(b"-"))
}

/// Where the engine wants errors to go: the options `--log` and `--log-format` before the command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Log {
    /// The file to append to.
    pub file: Option<PathBuf>,
    /// Whether a line is JSON.
    pub json: bool,
}

impl Log {
    /// Reads the options before the command.
    pub fn parse(argv: &[OsString], dialect: Dialect) -> Self {
        let mut log = Self::default();
        globals(argv, dialect, |name, value| match name {
            "log" => log.file = Some(PathBuf::from(value)),
            "log-format" => log.json = value == "json",
            _ => {}
        });
        log
    }

    /// That of a `create` or `run`, for a process in another directory.
    pub fn of(args: &Args) -> Self {
        let log = Self::parse(args.as_given(), Dialect::Getopt);
        Self { file: log.file.and_then(|file| std::path::absolute(file).ok()), ..log }
    }
}

/// The value of an option before the command, if it is given; of several, the last.
pub(crate) fn option_before_command(argv: &[OsString], dialect: Dialect, wanted: &str) -> Option<OsString> {
    let mut found = None;
    globals(argv, dialect, |name, value| {
        if name == wanted {
            found = Some(value);
        }
    });
    found
}

/// Options before the command that take a value (runc, crun and youki together).
const GLOBAL_OPTIONS: [(&str, u8); 7] = [
    ("log", b'l'),
    ("log-format", 0),
    ("log-level", 0),
    ("root", b'r'),
    ("cgroup-manager", 0),
    ("rootless", 0),
    ("criu", 0),
];

/// Options of `create` and `run` that take a value.
const CREATE_OPTIONS: [(&str, u8); 5] =
    [("bundle", b'b'), ("config", b'f'), ("console-socket", 0), ("pid-file", b'p'), ("preserve-fds", 0)];

struct Found {
    name: &'static str,
    value: Value,
}

enum Value {
    None,
    /// In the same argument, after so many bytes.
    Inside(usize),
    /// In the next argument.
    Next,
}

const FLAG: Found = Found { name: "", value: Value::None };

/// The index of the command.
fn command(argv: &[OsString], dialect: Dialect) -> Option<usize> {
    globals(argv, dialect, |_, _| {})
}

fn globals(argv: &[OsString], dialect: Dialect, mut each: impl FnMut(&str, OsString)) -> Option<usize> {
    let mut index = 0;
    while index < argv.len() {
        let argument = argv[index].as_bytes();
        if argument == b"--" {
            return Some(index + 1).filter(|at| *at < argv.len());
        }
        let Some(found) = option(argument, dialect, &GLOBAL_OPTIONS) else { return Some(index) };
        let (at, skip, used) = match found.value {
            Value::None => (index, 0, 1),
            Value::Inside(skip) => (index, skip, 1),
            Value::Next => (index + 1, 0, 2),
        };
        if !found.name.is_empty() && at < argv.len() {
            each(found.name, value_at(argv, at, skip));
        }
        index += used;
    }
    None
}

/// What an argument is, if it is an option.
fn option(argument: &[u8], dialect: Dialect, known: &[(&'static str, u8)]) -> Option<Found> {
    if argument.len() < 2 || argument[0] != b'-' {
        return None;
    }
    let long = argument.strip_prefix(b"--");
    Some(match (long, dialect) {
        (Some(long), _) => long_option(long, 2, dialect, known),
        (None, Dialect::Getopt) => cluster(argument, known),
        (None, Dialect::Go) => match long_option(&argument[1..], 1, dialect, known) {
            found if found.name.is_empty() => go_short(argument, known),
            found => found,
        },
    })
}

fn long_option(text: &[u8], dashes: usize, dialect: Dialect, known: &[(&'static str, u8)]) -> Found {
    let end = text.iter().position(|b| *b == b'=');
    let name = &text[..end.unwrap_or(text.len())];
    let exact = known.iter().find(|(long, _)| long.as_bytes() == name);
    let abbreviated = || known.iter().find(|(long, _)| long.as_bytes().starts_with(name));
    let found = match dialect {
        Dialect::Go => exact,
        Dialect::Getopt => exact.or_else(abbreviated),
    };
    found
        .map_or(FLAG, |(name, _)| Found { name, value: end.map_or(Value::Next, |end| Value::Inside(dashes + end + 1)) })
}

/// `-b B` and `-b=B` of runc, and also youki's `-bB`.
fn go_short(argument: &[u8], known: &[(&'static str, u8)]) -> Found {
    let Some((name, _)) = known.iter().find(|(_, short)| *short == argument[1]) else { return FLAG };
    let value = match argument.get(2) {
        None => Value::Next,
        Some(b'=') => Value::Inside(3),
        Some(_) => Value::Inside(2),
    };
    Found { name, value }
}

/// A `getopt` cluster: flags, then at most one option that takes the rest or the next argument.
fn cluster(argument: &[u8], known: &[(&'static str, u8)]) -> Found {
    // crun has letters for these alone; what it doesn't know it refuses itself. What follows a `t` belongs to that.
    let crun_has = |name: &str| ["bundle", "config", "cap", "env", "process", "user"].contains(&name);
    let letters = argument.iter().enumerate().skip(1).take_while(|(_, short)| **short != b't');
    let found = letters.into_iter().find_map(|(at, short)| {
        let (name, _) = known.iter().find(|(name, known)| known == short && crun_has(name))?;
        Some((at, name))
    });
    found.map_or(FLAG, |(at, name)| Found {
        name,
        value: if at + 1 < argument.len() { Value::Inside(at + 1) } else { Value::Next },
    })
}

fn value_at(argv: &[OsString], index: usize, skip: usize) -> OsString {
    OsStr::from_bytes(&argv[index].as_bytes()[skip..]).to_owned()
}

fn text(argument: Option<&OsString>) -> Option<String> {
    argument.map(|text| text.to_string_lossy().into_owned())
}
