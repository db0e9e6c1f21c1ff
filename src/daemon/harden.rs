//! What the process denies itself before it holds a key.

use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::stat::{Mode, umask};

use super::Error;

/// No core dump, no debugger of the same user, and no file that others can read.
pub(super) fn process() -> Result<(), Error> {
    umask(Mode::from_bits_truncate(0o077));
    prctl::set_dumpable(false).map_err(|source| Error::Harden { what: "not dumpable", source })?;
    prctl::set_no_new_privs().map_err(|source| Error::Harden { what: "no new privileges", source })?;
    setrlimit(Resource::RLIMIT_CORE, 0, 0).map_err(|source| Error::Harden { what: "no core dump", source })
}
