//! Why the values can't be delivered.

use std::path::PathBuf;

use nix::errno::Errno;

use crate::runtime::RuntimeError;
use crate::spec::{MOST_BYTES, SpecError};

/// Why the values can't be delivered.
#[derive(Debug, thiserror::Error)]
pub enum DeliverError {
    /// Another create has the bundle.
    #[error("another process is creating a container from {}: try again when it is done", bundle.display())]
    Busy {
        /// The bundle.
        bundle: PathBuf,
    },
    /// A pipe or a link to one is in the place of config.json, and the original isn't beside it.
    #[error("{} is a pipe or a link to one, and its original is gone: have the engine write the bundle again", path.display())]
    NoOriginal {
        /// What stands there.
        path: PathBuf,
    },
    /// Another process has the runtime's pipe open.
    #[error(
        "process {pid} ({name}) reads {} while the container is created, so the values were withheld: create it again, or keep that process from reading there",
        path.display()
    )]
    Shared {
        /// The file.
        path: PathBuf,
        /// The process.
        pid: i32,
        /// Its name.
        name: String,
    },
    /// config.json is larger than is read.
    #[error("{} is larger than {} MiB: make the container's specification smaller", path.display(), MOST_BYTES >> 20)]
    Huge {
        /// The file.
        path: PathBuf,
    },
    /// config.json can't be edited.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// The runtime can't be executed.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// The helper ended before it was ready.
    #[error(
        "the shim's helper ended before it was ready: check the limits on processes and memory, then create the container again"
    )]
    HelperGone,
    /// The helper has no pipe.
    #[error(
        "the shim's helper can't make a pipe and watch it ({}): raise the limit on open files, fs.inotify.max_user_instances or \
         fs.inotify.max_user_watches, or create fewer containers at once",
        errno.desc()
    )]
    Helper {
        /// Why not.
        errno: Errno,
    },
    /// The kernel refused a step.
    #[error("the shim can't {step} ({}): check the bundle's file system and the process's limits", errno.desc())]
    Step {
        /// What was to be done.
        step: &'static str,
        /// Why it wasn't.
        errno: Errno,
    },
    /// The files can't be made.
    #[error(
        "the shim can't {step} for the container's files ({}): it must run as root, of the host or of a user namespace, \
         with a run directory that it can write",
        errno.desc()
    )]
    Files {
        /// What was to be done.
        step: &'static str,
        /// Why it wasn't.
        errno: Errno,
    },
    /// The files can't be made where they would not be safe.
    #[error("the shim can't {step} for the container's files: {reason}")]
    UnsafeFiles {
        /// What was to be done.
        step: &'static str,
        /// What is not as it must be, and what to do.
        reason: String,
    },
}

impl DeliverError {
    pub(super) fn step(step: &'static str) -> impl Fn(Errno) -> Self {
        move |errno| Self::Step { step, errno }
    }

    pub(super) fn files(step: &'static str) -> impl Fn(Errno) -> Self {
        move |errno| Self::Files { step, errno }
    }
}
