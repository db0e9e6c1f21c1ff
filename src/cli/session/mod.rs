//! Two-way work with a container: a command at this terminal, files in and out.

mod attach;
mod copy;
mod pack;
mod screen;
mod unpack;

use std::time::Duration;

pub(super) use attach::{Attachment, attach};
pub(super) use copy::{ContainerFiles, Copying, download, upload};

/// How often the daemon is told that we are there.
const HEARTBEAT: Duration = Duration::from_secs(15);
