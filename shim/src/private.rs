//! Folders of the run directory that are the caller's alone.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;

/// A folder of this name, which is made if it isn't there; `None` if it can't be or isn't ours alone.
pub fn folder(run_dir: &Path, name: &str) -> Option<PathBuf> {
    let folder = run_dir.join(name);
    if fs::symlink_metadata(&folder).is_err() {
        make_run_dir(run_dir).ok()?;
        // Another create may make it at the same time.
        let _ = DirBuilder::new().mode(0o700).create(&folder);
    }
    existing(run_dir, name)
}

/// Makes the run directory if it isn't there; whatever the umask is, nobody else may write in it.
pub fn make_run_dir(run_dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o755).create(run_dir)
}

/// The same, if it is there already.
pub fn existing(run_dir: &Path, name: &str) -> Option<PathBuf> {
    let folder = run_dir.join(name);
    let made = fs::symlink_metadata(&folder).ok()?;
    // Nobody else has a right to it.
    let is_private = made.is_dir() && made.uid() == geteuid().as_raw() && made.mode().trailing_zeros() >= 6;
    is_private.then_some(folder)
}
