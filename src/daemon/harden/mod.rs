//! What the process denies itself.
//!
//! Most of it counts for one thread and those that it starts, so both steps come before any other thread is there:
//! [`process`] before a key is read, [`confine`] before the first byte of others' is.

mod calls;
mod reach;

use std::fmt::Display;

use caps::{CapSet, Capability};
use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::stat::{Mode, umask};

use super::Error;
pub(super) use reach::Reach;

/// No core dump, no debugger of the same user, and no file that others can read.
pub(super) fn process() -> Result<(), Error> {
    umask(Mode::from_bits_truncate(0o077));
    prctl::set_dumpable(false).map_err(|error| failed("not dumpable", error))?;
    prctl::set_no_new_privs().map_err(|error| failed("no new privileges", error))?;
    setrlimit(Resource::RLIMIT_CORE, 0, 0).map_err(|error| failed("no core dump", error))
}

/// From now on no capability, no file outside this reach, and none of the system calls that a vault has no use for.
pub(super) fn confine(reach: &Reach) -> Result<(), Error> {
    drop_capabilities().map_err(|error| failed("no capabilities", error))?;
    reach.enforce().map_err(|error| failed("landlock", error))?;
    calls::forbid().map_err(|error| failed("seccomp", error))
}

/// Root's too: it can't pass by the owner and mode of a file any more.
fn drop_capabilities() -> Result<(), caps::errors::CapsError> {
    // Whoever may not change the bounding set can't gain anything of it either, without new privileges.
    if caps::has_cap(None, CapSet::Effective, Capability::CAP_SETPCAP)? {
        caps::clear(None, CapSet::Bounding)?;
    }
    [CapSet::Ambient, CapSet::Inheritable, CapSet::Permitted].into_iter().try_for_each(|set| caps::clear(None, set))
}

fn failed(what: &'static str, reason: impl Display) -> Error {
    Error::Harden { what, reason: reason.to_string() }
}
