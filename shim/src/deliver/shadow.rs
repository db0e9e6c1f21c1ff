//! Delivery where the bundle can't be written: a bundle of our own, with the link as its config.json.

use std::convert::Infallible;
use std::fs::{self, DirBuilder};
use std::os::unix::fs::{DirBuilderExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Instant;

use nix::errno::Errno;
use zeroize::Zeroizing;

use super::{DeliverError, Locked, Place, exchange};
use crate::args::Args;
use crate::fate::Fate;
use crate::runtime::Runtime;

/// Becomes the runtime with another bundle, whose config.json is a link to the original one.
///
/// From there on it is the ordinary delivery. What stays is a directory with that link, which runtimes and hooks may
/// look into for as long as the container exists; the run directory is emptied at boot.
pub(super) fn deliver(
    place: &Locked,
    text: Zeroizing<Vec<u8>>,
    runtime: &Runtime,
    args: &Args,
    run_dir: &Path,
    deadline: Instant,
    fate: Option<&Fate>,
) -> Result<Infallible, DeliverError> {
    let failed = |errno| DeliverError::step("make a bundle of its own in the run directory")(errno);
    // crun's `--config` names a file that the other bundle doesn't have.
    if args.config.is_some() {
        return Err(failed(Errno::EROFS));
    }
    let directory = make(place, run_dir).map_err(failed)?;
    let shadow = Place::open(&directory, None).ok_or_else(|| failed(Errno::ENOENT))?;
    let shadow = shadow.lock(run_dir, deadline)?;
    // From here on that is the lock between creates on this bundle.
    place.release();
    shadow.heal()?;
    shadow.try_writing().map_err(failed)?;
    exchange(&shadow, text, runtime, args, &args.with_bundle(directory.as_os_str()), deadline, fate)
}

/// The run directory repeats the original's path, so that there are never more directories than bundles.
fn make(place: &Locked, run_dir: &Path) -> nix::Result<PathBuf> {
    let errno = |error: std::io::Error| Errno::from_raw(error.raw_os_error().unwrap_or_default());
    let private = run_dir.join("bundles");
    let directory = private.join(place.bundle().strip_prefix("/").unwrap_or(place.bundle()));
    // The daemon's socket may be in the run directory, so that alone isn't private.
    fs::create_dir_all(run_dir).map_err(errno)?;
    DirBuilder::new().recursive(true).mode(0o700).create(&directory).map_err(errno)?;
    let link = directory.join("config.json");
    if fs::symlink_metadata(&link).is_err() {
        symlink(place.bundle().join("config.json"), &link).map_err(errno)?;
    }
    Ok(directory)
}
