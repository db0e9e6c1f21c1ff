//! A folder whose content is gone when the machine is off.

use std::path::{Path, PathBuf};

use nix::sys::statfs::{TMPFS_MAGIC, statfs};
use nix::unistd::{AccessFlags, access};

use super::Context;

/// The first folder in memory that this user may write to; if there is none, the first one on a disk.
pub(super) fn folder(context: &Context) -> PathBuf {
    let usable = |folder: &PathBuf| folder.is_dir() && access(folder, AccessFlags::W_OK | AccessFlags::X_OK).is_ok();
    let folders: Vec<PathBuf> = context.environment.volatile_dirs().into_iter().filter(usable).collect();
    let first = folders.iter().find(|folder| is_in_memory(folder)).or(folders.first());
    first.cloned().unwrap_or_else(|| PathBuf::from("/tmp"))
}

/// Whether it is a tmpfs (tmpfs(5)).
pub(super) fn is_in_memory(folder: &Path) -> bool {
    statfs(folder).is_ok_and(|file_system| file_system.filesystem_type() == TMPFS_MAGIC)
}
