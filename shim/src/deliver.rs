//! Gets a filled-in config.json to the runtime without a file: through a pipe that stays empty until the original is
//! back in its place.
//!
//! The shim starts a helper that makes the pipe, swaps config.json for a link to the helper's descriptor of it and
//! becomes the runtime. When somebody opens that, the helper has it lead to another pipe, and looks who it was. If
//! it was the runtime, the helper puts the original back and only then writes: the runtime gets nothing before every
//! later reader sees the placeholder again. Anybody else gets the original.
//! When the helper is killed the runtime finds nothing to open, or the end of the file, and fails.
//!
//! Unsafe code is in `sys` alone.

mod error;
mod files;
mod guard;
mod helper;
mod lock;
mod pipes;
mod place;
mod prefill;
mod serve;
mod shadow;
mod sys;

use std::convert::Infallible;
use std::ffi::OsString;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;
use std::time::Instant;

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::libc::STDERR_FILENO;
use nix::sys::stat::Mode;
use zeroize::Zeroizing;

use crate::args::Args;
use crate::fate::Fate;
use crate::phase;
use crate::runtime::Runtime;
use crate::spec::Edits;

pub use error::DeliverError;
pub(crate) use files::make as make_files;
pub use place::{Locked, Place, Reading};
pub use prefill::prefill;
use serve::Delivery;

/// Keeps this process from being traced or dumped, until it becomes the runtime: `execve` takes it back.
pub fn hide_memory() -> Result<(), DeliverError> {
    nix::sys::prctl::set_dumpable(false).map_err(DeliverError::step("hide its memory"))
}

/// Becomes the runtime and has the edited text delivered to it; `place` is locked and holds no leftover.
pub fn deliver(
    place: &Locked,
    mut edits: Edits<'_>,
    runtime: &Runtime,
    args: &Args,
    run_dir: &Path,
    deadline: Instant,
    fate: Option<&Fate>,
) -> Result<Infallible, DeliverError> {
    let _standard = occupy_standard_descriptors().map_err(DeliverError::step("open /dev/null"))?;
    match place.try_writing() {
        Ok(()) => exchange(place, edits.apply(), runtime, args, args.as_given(), deadline, fate),
        // The last two: it is a mount of its own, or has all the names it can.
        Err(
            Errno::EROFS
            | Errno::EACCES
            | Errno::EPERM
            | Errno::EOPNOTSUPP
            | Errno::ENOSYS
            | Errno::EXDEV
            | Errno::EMLINK,
        ) => {
            edits.anchor(place.bundle())?;
            shadow::deliver(place, edits.apply(), runtime, args, run_dir, deadline, fate)
        }
        Err(errno) => Err(DeliverError::step("give config.json a second name")(errno)),
    }
}

/// Opens what standard descriptors are closed, until the runtime finds them closed again.
///
/// The helper gives away its standard ones, so none that it needs may have their numbers.
fn occupy_standard_descriptors() -> nix::Result<Vec<OwnedFd>> {
    let mut opened = Vec::new();
    loop {
        let null = open("/dev/null", OFlag::O_RDWR | OFlag::O_CLOEXEC, Mode::empty())?;
        if null.as_raw_fd() > STDERR_FILENO {
            return Ok(opened);
        }
        opened.push(null);
    }
}

fn exchange(
    place: &Locked,
    text: Zeroizing<Vec<u8>>,
    runtime: &Runtime,
    args: &Args,
    given: &[OsString],
    deadline: Instant,
    fate: Option<&Fate>,
) -> Result<Infallible, DeliverError> {
    phase::at("prepared");
    let started = Delivery::prepare(place, args, deadline, fate).and_then(|delivery| helper::start(delivery, text));
    let helper = started.inspect_err(|_| place.restore())?;
    phase::at("helper-ready");
    let error = match place.exchange(helper.link()) {
        Ok(()) => {
            phase::at("exchanged");
            runtime.exec(given).map_or_else(DeliverError::from, |never| match never {})
        }
        Err(error) => error,
    };
    place.restore();
    // Only now it looks, sees this process end and finds nothing left to do.
    drop(helper);
    Err(error)
}
