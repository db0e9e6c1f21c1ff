//! podman's `precreate` hook, for where the runtime can't be changed.
//!
//! podman hands the hook the configuration on standard input and takes what comes back on standard output. But it then
//! writes that into the bundle, where it stays: so a bundle that is not in memory is refused, and a second hook, which
//! the first one adds (`createRuntime` of runtime-spec 1.0.2, config.md, POSIX-platform Hooks), takes the values out again
//! as soon as the runtime has read them.
//!
//! podman discards what a hook says: failures go to syslog, and to the daemon's audit log if it can be reached. The second
//! hook is also the one that sees the container's first process, and tells the daemon of it.

mod bundle;
mod scrub;
mod syslog;

use std::ffi::{OsStr, OsString, c_int};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use ampoule_proto::messages::ampoule::v1::{ContainerDescriptor, ResolveRequest, ResolveResponse};
use nix::sys::signal::{SigSet, Signal};
use nix::unistd::getpid;
use zeroize::Zeroizing;

use crate::config::{Environment, Settings};
use crate::deliver::{DeliverError, hide_memory};
use crate::error::Error;
use crate::files::Files;
use crate::spec::{Edits, MOST_BYTES, Spec, SpecError, mentions_us};
use crate::{client, descriptor, fate, inject, report};

/// The name that makes the shim the hook.
const NAME: &str = "ampoule-hook";
/// Its argument as the second hook.
const SCRUB: &str = "scrub";

/// Whether this process was called as the hook.
pub fn is_called(argv: &[OsString]) -> bool {
    argv.first().is_some_and(|name| Path::new(name).file_name() == Some(OsStr::new(NAME)))
}

/// Runs as the hook; returns the exit status.
pub fn main(argv: &[OsString]) -> c_int {
    // Who has gone without waiting for an answer is an error here, and must be told of.
    let _ = SigSet::from(Signal::SIGPIPE).thread_block();
    let done = match argv.get(1).map(OsString::as_os_str) {
        None => fill(),
        Some(argument) if argument == SCRUB => scrub::scrub(argv.get(2..).unwrap_or_default()).map_err(HookError::from),
        Some(_) => Err(HookError::Usage),
    };
    match done {
        Ok(()) => 0,
        Err(error) => {
            let message = report::message(&error);
            syslog::send(&message);
            let _ = writeln!(io::stderr(), "{NAME}: {message}");
            if matches!(error, HookError::Usage) { 2 } else { 1 }
        }
    }
}

/// What is known of the container, for the daemon to be told if the hook fails.
struct Known {
    container: ContainerDescriptor,
    /// Empty before anything is resolved.
    injection: String,
}

/// The configuration from standard input to standard output, with what it asks for.
fn fill() -> Result<(), HookError> {
    let mut text = Vec::new();
    let limit = u64::try_from(MOST_BYTES).unwrap_or(u64::MAX);
    io::stdin().lock().take(limit + 1).read_to_end(&mut text).map_err(HookError::Input)?;
    if text.len() <= MOST_BYTES && !mentions_us(&text) {
        return write(&text);
    }
    let mut known = Known { container: describe(None), injection: String::new() };
    let done = match filled(&text, &mut known) {
        Ok(Some(filled)) => write(&filled),
        Ok(None) => write(&text),
        Err(error) => Err(error),
    };
    done.inspect_err(|error| known.tell_of(error))
}

/// The configuration with what it asks for; nothing if it asks for nothing.
fn filled(text: &[u8], known: &mut Known) -> Result<Option<Zeroizing<Vec<u8>>>, HookError> {
    if text.len() > MOST_BYTES {
        return Err(HookError::TooLarge);
    }
    let spec = Spec::parse(text)?;
    let found = bundle::find(&spec);
    known.container = ContainerDescriptor { image: descriptor::image(&spec).to_owned(), ..describe(found.as_ref()) };
    let requests = spec.requests().map_err(Error::from)?;
    if !Files::of(&spec)?.is_empty() {
        return Err(HookError::Files);
    }
    if requests.is_empty() {
        return Ok(None);
    }
    let settings = Settings::load(&Environment::of_process()).map_err(Error::from)?;
    if !settings.allow_plaintext_bundle {
        bundle::check(found.as_ref(), &settings.path)?;
    }
    let program = own_path()?;
    let prepared = |injection: &str| -> Result<Edits<'_>, HookError> {
        let mut edits = Edits::new(&spec)?;
        // Which runtime will run is not known here, and runc's hooks would inherit the values.
        edits.keep_from_hooks()?;
        let (arguments, environment) = scrub::call(injection, &settings.socket, &spec, &requests);
        edits.add_hook("createRuntime", &program, &arguments, &environment)?;
        Ok(edits)
    };
    // What can't be filled in is refused before the vault is asked; which injection it is, is known after.
    drop(prepared("")?);
    hide_memory()?;
    let references = inject::references(&requests);
    let mut answer = ResolveResponse::default();
    if !references.is_empty() {
        let container = Some(known.container.clone()).into();
        let request = ResolveRequest { container, references, ..ResolveRequest::default() };
        let resolved = client::resolve(&settings.socket, &request, Instant::now() + settings.deadline);
        let resolved = resolved.map_err(Error::of_call(&settings))?;
        known.injection.clone_from(&resolved.injection_id);
        answer = inject::checked(&request, resolved)?;
    }
    let mut edits = prepared(&known.injection)?;
    edits.set_env(&inject::assigned(requests, answer));
    Ok(Some(edits.apply()))
}

impl Known {
    /// Tells the daemon that the container won't be created, as nobody else will.
    fn tell_of(&self, error: &HookError) {
        if let HookError::Fill(Error::Client { error, .. }) = error
            && !error.is_unrecorded()
        {
            return;
        }
        let Ok(Settings { socket, .. }) = Settings::load(&Environment::of_process()) else { return };
        if self.injection.is_empty() {
            fate::tell_of_refusal(&socket, self.container.clone(), &report::message(error));
        } else {
            fate::tell_of_failure(&socket, &self.injection);
        }
    }
}

fn write(text: &[u8]) -> Result<(), HookError> {
    let mut out = io::stdout().lock();
    out.write_all(text).and_then(|()| out.flush()).map_err(HookError::Output)
}

/// Where this program is, for a hook's `path` must be absolute.
fn own_path() -> Result<PathBuf, HookError> {
    std::fs::read_link("/proc/self/exe").map_err(HookError::Own)
}

fn describe(found: Option<&bundle::Bundle>) -> ContainerDescriptor {
    ContainerDescriptor {
        id: found.map(|bundle| bundle.id.clone()).unwrap_or_default(),
        bundle: found.map(|bundle| bundle.path.display().to_string()).unwrap_or_default(),
        engine: "podman".to_owned(),
        pid: getpid().as_raw(),
        host: descriptor::host(),
        ..ContainerDescriptor::default()
    }
}

/// Why the hook ended. podman doesn't create the container then.
#[derive(Debug, thiserror::Error)]
enum HookError {
    #[error(transparent)]
    Fill(#[from] Error),
    #[error(transparent)]
    Bundle(#[from] bundle::BundleError),
    #[error(transparent)]
    Scrub(#[from] scrub::ScrubError),
    #[error(
        "the container asks for secrets as files, which a hook can't make; the container was not created: use ampoule-shim \
         as its runtime"
    )]
    Files,
    #[error("the configuration can't be read from standard input ({0}): the hook is for podman's `precreate` stage")]
    Input(io::Error),
    #[error("the configuration is larger than {} MiB: make the container's specification smaller", MOST_BYTES >> 20)]
    TooLarge,
    #[error("the configuration can't be written to standard output ({0}): the hook is for podman's `precreate` stage")]
    Output(io::Error),
    #[error("the hook's own program can't be found ({0}): mount /proc")]
    Own(io::Error),
    #[error("called with arguments: the hook takes none, and a configuration on standard input")]
    Usage,
}

// What these say they say as the shim's errors.
impl From<SpecError> for HookError {
    fn from(error: SpecError) -> Self {
        Self::Fill(error.into())
    }
}

impl From<DeliverError> for HookError {
    fn from(error: DeliverError) -> Self {
        Self::Fill(error.into())
    }
}
