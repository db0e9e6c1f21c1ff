//! The second hook: takes the values out of the bundle again, now that the runtime has read them.

use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use ampoule_proto::request::{Request, Source};
use nix::fcntl::OFlag;
use nix::sys::stat::fchmod;
use nix::unistd::{Gid, Uid, fchown, getppid};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::{NAME, SCRUB};
use crate::args::{Dialect, option_before_command};
use crate::config::{EARLIER, earlier};
use crate::fate;
use crate::spec::{Edits, MOST_BYTES, Spec, SpecError};

/// The container's state as a runtime tells it its hooks (runtime.md, State).
#[derive(Deserialize)]
struct State {
    id: String,
    bundle: PathBuf,
    /// The container's first process, as the runtime sees it.
    pid: Option<i32>,
}

/// Its command line, which is whom to tell of what and each variable with a secret, and its environment: what stood in the
/// place of these. Others can read the one (proc(5), `/proc/pid/cmdline`) and not the other.
pub(super) fn call(
    injection: &str,
    socket: &Path,
    spec: &Spec<'_>,
    requests: &[Request],
) -> (Vec<String>, Vec<String>) {
    let mut arguments = vec![NAME.to_owned(), SCRUB.to_owned(), injection.to_owned()];
    arguments.push(socket.to_string_lossy().into_owned());
    let secrets = requests.iter().filter(|request| matches!(request.source, Source::Secret(_)));
    let names: Vec<&str> = secrets.map(|request| request.name.as_str()).collect();
    let old = |name: &&str| spec.env().find(|entry| entry.split('=').next() == Some(name));
    let environment = names.iter().filter_map(old).map(|entry| format!("{EARLIER}{entry}")).collect();
    arguments.extend(names.iter().map(|&name| name.to_owned()));
    (arguments, environment)
}

/// Puts back what stood in the place of each variable, then tells the daemon what became of the container.
pub(super) fn scrub(arguments: &[OsString]) -> Result<(), ScrubError> {
    let arguments = arguments.iter().map(|argument| argument.to_str().ok_or(ScrubError::Arguments));
    let arguments: Vec<&str> = arguments.collect::<Result<_, _>>()?;
    let [injection, socket, names @ ..] = arguments.as_slice() else { return Err(ScrubError::Arguments) };
    let socket = Path::new(socket);
    // Another release's hook may have put this one's program in its configuration, with other arguments.
    if !socket.is_absolute() || names.iter().any(|name| name.contains('=')) {
        return Err(ScrubError::Arguments);
    }
    let done = put_back(names);
    if !injection.is_empty() {
        match &done {
            Ok(pid) => pid.iter().for_each(|pid| fate::tell_of_creation(socket, injection, *pid)),
            Err(_) => fate::tell_of_failure(socket, injection),
        }
    }
    done.map(drop)
}

/// The container's first process.
fn put_back(names: &[&str]) -> Result<Option<i32>, ScrubError> {
    let state: State = serde_json::from_reader(io::stdin().lock()).map_err(|_| ScrubError::State)?;
    let before = names.iter().map(|name| match earlier(name) {
        Some(text) => format!("{name}={text}"),
        None => (*name).to_owned(),
    });
    let before: Vec<String> = before.collect();
    let before: Vec<&str> = before.iter().map(String::as_str).collect();
    let failed = |path: PathBuf| move |reason| ScrubError::File { path, reason };
    let config = state.bundle.join("config.json");
    rewrite(&config, &before).map_err(failed(config))?;
    // crun keeps a copy for as long as the container lives.
    if let Some(copy) = kept_by_crun(&state.id).filter(|copy| copy.exists()) {
        rewrite(&copy, &before).map_err(failed(copy))?;
    }
    Ok(state.pid)
}

/// Where the runtime, if it is crun, keeps its copy.
fn kept_by_crun(id: &str) -> Option<PathBuf> {
    let line = std::fs::read(format!("/proc/{}/cmdline", getppid())).ok()?;
    let mut words = line.split(|byte| *byte == 0).map(|word| OsString::from(OsStr::from_bytes(word)));
    let program = words.next()?;
    if !Path::new(&program).file_name()?.to_string_lossy().contains("crun") {
        return None;
    }
    let root = option_before_command(&words.collect::<Vec<_>>(), Dialect::Getopt, "root");
    Some(root.map_or_else(|| PathBuf::from("/run/crun"), PathBuf::from).join(id).join("config.json"))
}

fn rewrite(path: &Path, before: &[&str]) -> Result<(), Reason> {
    let mut old = OpenOptions::new().read(true).write(true).custom_flags(OFlag::O_NOFOLLOW.bits()).open(path)?;
    let status = old.metadata()?;
    let length = usize::try_from(status.len()).ok().filter(|length| *length <= MOST_BYTES).ok_or(Reason::TooLarge)?;
    let mut text = Zeroizing::new(Vec::with_capacity(length));
    // One that grows meanwhile is not podman's.
    (&mut old).take(status.len()).read_to_end(&mut text)?;
    let spec = Spec::parse(&text)?;
    let mut edits = Edits::new(&spec)?;
    edits.restore_env(before);
    let mut clean = edits.apply();
    clean.extend_from_slice(&text[text.trim_ascii_end().len()..]);

    let new = path.with_extension("json.ampoule");
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    let written = write(made, &clean, &status).and_then(|()| std::fs::rename(&new, path));
    written.inspect_err(|_| drop(std::fs::remove_file(&new)))?;
    // On a disk the blocks would keep what is unlinked.
    old.rewind()?;
    old.write_all(&vec![0; length])?;
    old.sync_data()?;
    Ok(())
}

fn write(mut file: File, text: &[u8], like: &std::fs::Metadata) -> io::Result<()> {
    fchown(&file, Some(Uid::from_raw(like.uid())), Some(Gid::from_raw(like.gid())))?;
    fchmod(&file, nix::sys::stat::Mode::from_bits_truncate(like.mode()))?;
    file.write_all(text)?;
    file.sync_all()
}

/// Values that are left in a bundle.
#[derive(Debug, thiserror::Error)]
pub(super) enum ScrubError {
    /// No state.
    #[error("no container's state on standard input: `ampoule-hook scrub` is called by runtimes alone")]
    State,
    /// Arguments of others.
    #[error("`ampoule-hook scrub` is called by runtimes alone")]
    Arguments,
    /// The file.
    #[error("the values can't be taken out of {} again ({reason}); the container was not created", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: Reason,
    },
}

/// Why a file could not be rewritten.
#[derive(Debug, thiserror::Error)]
pub(super) enum Reason {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Spec(#[from] SpecError),
    #[error("too large")]
    TooLarge,
}
