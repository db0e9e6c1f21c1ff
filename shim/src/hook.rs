//! podman's `precreate` hook, for where the runtime can't be changed.
//!
//! podman hands the hook the configuration on standard input and takes what comes back on standard output. But it then
//! writes that into the bundle, where it stays: so a bundle that is not in memory is refused, and a second hook, which
//! the first one adds (`createRuntime` of runtime-spec 1.0.2, config.md, POSIX-platform Hooks), takes the values out again
//! as soon as the runtime has read them.
//!
//! podman discards what a hook says: failures go to syslog, and refusals of the daemon are in its audit log.

mod bundle;
mod scrub;
mod syslog;

use std::ffi::{OsStr, OsString, c_int};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use ampoule_proto::messages::ampoule::v1::{ContainerDescriptor, ResolveRequest, ResolveResponse};
use ampoule_proto::request::{Request, Source};
use nix::unistd::getpid;

use crate::config::{Environment, Settings};
use crate::deliver::{DeliverError, hide_memory};
use crate::error::Error;
use crate::files::Files;
use crate::spec::{Edits, MOST_BYTES, Spec, SpecError, mentions_us};
use crate::{client, descriptor, inject, report};

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

/// The configuration from standard input to standard output, with what it asks for.
fn fill() -> Result<(), HookError> {
    let mut text = Vec::new();
    let limit = u64::try_from(MOST_BYTES).unwrap_or(u64::MAX);
    io::stdin().lock().take(limit + 1).read_to_end(&mut text).map_err(HookError::Input)?;
    if text.len() > MOST_BYTES {
        return Err(HookError::TooLarge);
    }
    if !mentions_us(&text) {
        return write(&text);
    }
    let spec = Spec::parse(&text).map_err(Error::from)?;
    let requests = spec.requests().map_err(Error::from)?;
    if !Files::of(&spec)?.is_empty() {
        return Err(HookError::Files);
    }
    if requests.is_empty() {
        return write(&text);
    }
    let settings = Settings::load(&Environment::of_process()).map_err(Error::from)?;
    let found = bundle::find(&spec);
    if !settings.allow_plaintext_bundle {
        bundle::check(found.as_ref())?;
    }
    let mut edits = Edits::new(&spec).map_err(Error::from)?;
    // Which runtime will run is not known here, and runc's hooks would inherit the values.
    edits.keep_from_hooks().map_err(Error::from)?;
    edits.add_hook("createRuntime", &own_path()?, &scrub_arguments(&spec, &requests)).map_err(Error::from)?;
    hide_memory().map_err(Error::from)?;
    let references = inject::references(&requests);
    let answer = if references.is_empty() {
        ResolveResponse::default()
    } else {
        let container = Some(describe(found.as_ref(), &spec));
        let request = ResolveRequest { container: container.into(), references, ..ResolveRequest::default() };
        let answer = client::resolve(&settings.socket, &request, Instant::now() + settings.deadline);
        inject::checked(&request, answer.map_err(Error::from)?)?
    };
    edits.set_env(&inject::assigned(requests, answer));
    write(&edits.apply())
}

fn write(text: &[u8]) -> Result<(), HookError> {
    let mut out = io::stdout().lock();
    out.write_all(text).and_then(|()| out.flush()).map_err(HookError::Output)
}

/// Where this program is, for a hook's `path` must be absolute.
fn own_path() -> Result<PathBuf, HookError> {
    std::fs::read_link("/proc/self/exe").map_err(HookError::Own)
}

/// What stood in the place of each variable with a secret: `NAME=reference`, or `NAME` if it is a new one.
fn scrub_arguments(spec: &Spec<'_>, requests: &[Request]) -> Vec<String> {
    let secret = |request: &&Request| matches!(request.source, Source::Secret(_));
    let before = |request: &Request| {
        let name = request.name.as_str();
        let old = spec.env().find(|entry| entry.split('=').next() == Some(name));
        old.map_or_else(|| name.to_owned(), str::to_owned)
    };
    let names = [NAME, SCRUB].map(str::to_owned);
    names.into_iter().chain(requests.iter().filter(secret).map(before)).collect()
}

fn describe(found: Option<&bundle::Bundle>, spec: &Spec<'_>) -> ContainerDescriptor {
    ContainerDescriptor {
        id: found.map(|bundle| bundle.id.clone()).unwrap_or_default(),
        bundle: found.map(|bundle| bundle.path.display().to_string()).unwrap_or_default(),
        engine: "podman".to_owned(),
        image: descriptor::image(spec).to_owned(),
        pid: getpid().as_raw(),
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
    #[error("the configuration is larger than {} MiB", MOST_BYTES >> 20)]
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
