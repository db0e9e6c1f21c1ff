//! The lock that creates on one bundle take.
//!
//! It is a file in a folder of our own: whoever may read the bundle's directory could hold a lock on that for ever.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;

use crate::private;

/// A lock, until this and every copy of its descriptor is closed.
pub(super) struct Lock {
    file: File,
    path: Option<PathBuf>,
}

impl Lock {
    /// Where the lock of this directory is; nowhere if the run directory can't be written or isn't ours alone.
    pub(super) fn path(directory: &File, run_dir: &Path) -> Option<PathBuf> {
        let folder = private::folder(run_dir, "locks")?;
        let locked = directory.metadata().ok()?;
        let path = folder.join(format!("{:x}-{:x}", locked.dev(), locked.ino()));
        open(&path).is_ok().then_some(path)
    }

    /// Takes the lock at this path, or the directory's own if there is none; not if another create has it.
    pub(super) fn attempt(directory: &File, path: Option<&Path>) -> io::Result<Option<Self>> {
        let file = match path {
            Some(path) => open(path)?,
            None => directory.try_clone()?,
        };
        // Not nix's guard, which unlocks when dropped: the helper shares the lock and needs it for longer.
        let taken = file.try_lock().is_ok();
        let lock = Self { file, path: path.map(Path::to_owned) };
        Ok((taken && lock.stands()).then_some(lock))
    }

    /// The same lock in another descriptor.
    pub(super) fn try_clone(&self) -> io::Result<Self> {
        Ok(Self { file: self.file.try_clone()?, path: self.path.clone() })
    }

    /// The descriptor that carries the lock.
    pub(super) fn descriptor(&self) -> RawFd {
        self.file.as_raw_fd()
    }

    /// Removes the file, for the last one who needs the lock; it holds until the descriptors are closed.
    pub(super) fn remove(&self) {
        if let Some(path) = self.path.as_ref().filter(|_| self.stands()) {
            let _ = fs::remove_file(path);
        }
    }

    /// Whether the locked file is the one that others find: who had it before may have removed it.
    fn stands(&self) -> bool {
        let Some(path) = &self.path else { return true };
        let (Ok(own), Ok(found)) = (self.file.metadata(), fs::symlink_metadata(path)) else { return false };
        (own.dev(), own.ino()) == (found.dev(), found.ino())
    }
}

fn open(path: &Path) -> io::Result<File> {
    let flags = OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).custom_flags(flags.bits()).open(path)
}
