//! The guard: a process that puts the original back if the helper is killed, and keeps the lock until all is read. At
//! last it tells the daemon what became of the container, which doesn't wait for that.
//!
//! The next create would put it back too. But podman writes config.json before it calls a runtime, and can't write
//! through a link that leads nowhere: its container would never start again.

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsRawFd;

use nix::fcntl::OFlag;
use nix::poll::PollTimeout;
use nix::unistd::{ForkResult, pipe2};

use super::serve::Delivery;
use super::sys;
use crate::phase;

/// What the helper holds of its guard.
pub(super) struct Guard(File);

impl Guard {
    /// Starts one; the caller is the helper.
    pub(super) fn start(delivery: &Delivery) -> nix::Result<Self> {
        let (reader, writer) = pipe2(OFlag::O_CLOEXEC)?;
        match sys::fork_alone()? {
            ForkResult::Child => guard(delivery, reader.into()),
            ForkResult::Parent { .. } => Ok(Self(writer.into())),
        }
    }

    /// Tells it that the original is back.
    pub(super) fn relieve(mut self) {
        // If it has been killed there is nobody to tell.
        let _ = self.0.write_all(b".");
    }
}

fn guard(delivery: &Delivery, mut helper: File) -> ! {
    let [directory, lock, runtime] = delivery.descriptors();
    sys::close_all_but(&mut [directory, lock, runtime, helper.as_raw_fd()]);
    // Where memory is short the kernel should take another one first: without both, the link is left.
    let _ = fs::write("/proc/self/oom_score_adj", "-1000");
    phase::at("guarding");
    let word = helper.read_exact(&mut [0]);
    let killed = word.is_err_and(|error| error.kind() == ErrorKind::UnexpectedEof);
    // As long as the runtime lives it must find nothing: with the original it would start a container with references.
    if killed {
        if delivery.runtime_ends(PollTimeout::NONE) {
            delivery.restore();
        }
    } else {
        // A create on this bundle would have its pipe read by the runtime that this one's container is from.
        delivery.wait_for_last_read();
    }
    delivery.release();
    if let Some(fate) = &delivery.fate {
        // With the others goes the lock, wherever it is: nobody has to wait for what follows.
        sys::close_all_but(&mut [runtime]);
        let ended = delivery.wait_for_end_or(|| fate.can_be_seen());
        fate.tell(ended, killed);
    }
    // Also where it could not.
    sys::exit_now(0)
}
