//! What the helper does: waits for the runtime to open the FIFO, and feeds it.

use std::fs::{self, File};
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use nix::sys::stat::fstat;
use nix::unistd::{Pid, getpid};

use super::guard::Guard;
use super::{DeliverError, Locked, sys};
use crate::phase;

/// Everything that a helper holds.
pub(super) struct Delivery {
    place: Locked,
    fifo: File,
    opens: Inotify,
    runtime: Pid,
    pidfd: OwnedFd,
    identity: (u64, u64),
}

/// The runtime has ended.
struct Gone;

impl Delivery {
    /// Prepares a delivery to this process, which becomes the runtime.
    pub(super) fn prepare(place: &Locked, fifo: OwnedFd) -> Result<Self, DeliverError> {
        Self::watching(place, fifo).inspect_err(|_| place.restore())
    }

    fn watching(place: &Locked, fifo: OwnedFd) -> Result<Self, DeliverError> {
        let watch = Self::watch(place, &fifo).map_err(DeliverError::step("watch a FIFO"));
        let (opens, pidfd, identity) = watch?;
        let place = place.for_helper()?;
        Ok(Self { place, fifo: File::from(fifo), opens, runtime: getpid(), pidfd, identity })
    }

    fn watch(place: &Locked, fifo: &OwnedFd) -> nix::Result<(Inotify, OwnedFd, (u64, u64))> {
        let opens = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
        opens.add_watch(&place.sibling_path(), AddWatchFlags::IN_OPEN)?;
        let stat = fstat(fifo)?;
        Ok((opens, sys::pidfd_open(getpid())?, (stat.st_dev, stat.st_ino)))
    }

    /// The FIFO as the helper has it, for others to open.
    pub(super) fn link(&self, helper: Pid) -> PathBuf {
        PathBuf::from(format!("/proc/{helper}/fd/{}", self.fifo.as_raw_fd()))
    }

    /// The descriptors that a helper needs.
    pub(super) fn descriptors(&self) -> [RawFd; 4] {
        let directory = self.place.directory().as_raw_fd();
        [directory, self.fifo.as_raw_fd(), self.opens.as_fd().as_raw_fd(), self.pidfd.as_raw_fd()]
    }

    /// Feeds the runtime, once the original is back where every later reader looks.
    ///
    /// At its end the FIFO is closed: crun reads to the end of the file, and a process takes long to end.
    pub(super) fn serve(mut self, text: &[u8], guard: Guard) {
        // Fewer turns for a large text; the default of 64 KiB also works.
        let size = text.len().clamp(64 << 10, 1 << 20);
        let _ = i32::try_from(size).map(|size| fcntl(&self.fifo, FcntlArg::F_SETPIPE_SZ(size)));
        let opened = self.wait_for_runtime();
        phase::at("opened");
        // The guard tries again, when the runtime has failed at an empty file.
        let Ok(()) = self.place.heal() else { return };
        phase::at("restored");
        guard.relieve();
        if opened.is_ok() {
            let _ = self.write(text);
        }
        drop(self.fifo);
        phase::at("finished");
    }

    /// Brings the original back, if it isn't there.
    pub(super) fn restore(&self) {
        self.place.restore();
    }

    /// Waits for the runtime's end; whether it has ended by then.
    pub(super) fn runtime_ends(&self, within: PollTimeout) -> bool {
        let mut runtime = [PollFd::new(self.pidfd.as_fd(), PollFlags::POLLIN)];
        poll(&mut runtime, within).is_ok_and(|ended| ended > 0)
    }

    /// Waits until the runtime reads nothing of the bundle any more: until its end, or that of its part in a `run`.
    ///
    /// crun opens config.json a second time, to keep a copy.
    pub(super) fn wait_for_last_read(&self) {
        while !self.runtime_ends(PollTimeout::from(10_u8)) && !self.has_started_container() {}
    }

    /// Whether a child of the runtime has become another program.
    ///
    /// runc's children run from a copy of it, but runc has read everything before it has any.
    fn has_started_container(&self) -> bool {
        let program = |pid: &str| {
            let exe = fs::metadata(format!("/proc/{pid}/exe")).ok()?;
            Some((exe.dev(), exe.ino()))
        };
        let Ok(threads) = fs::read_dir(format!("/proc/{}/task", self.runtime)) else { return false };
        let own = program(&self.runtime.to_string());
        threads.flatten().any(|thread| {
            let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
            children.split_whitespace().any(|child| program(child) != own)
        })
    }

    /// Waits until the runtime has the FIFO open.
    fn wait_for_runtime(&self) -> Result<(), Gone> {
        let mut timeout = PollTimeout::NONE;
        loop {
            let ready = self.poll(self.opens.as_fd(), PollFlags::POLLIN, timeout)?;
            if ready {
                // The event comes before the opener has its descriptor, so look again soon.
                let _ = self.opens.read_events();
                timeout = PollTimeout::from(1_u8);
                for _ in 0..50 {
                    if self.runtime_has_fifo() {
                        return Ok(());
                    }
                    std::thread::sleep(std::time::Duration::from_micros(20));
                }
            } else if self.runtime_has_fifo() {
                return Ok(());
            }
        }
    }

    /// Whether the runtime, and not somebody who looks around, has the FIFO open.
    fn runtime_has_fifo(&self) -> bool {
        let Ok(entries) = fs::read_dir(format!("/proc/{}/fd", self.runtime)) else { return false };
        let is_fifo = |metadata: fs::Metadata| (metadata.dev(), metadata.ino()) == self.identity;
        entries.flatten().any(|entry| fs::metadata(entry.path()).is_ok_and(is_fifo))
    }

    fn write(&mut self, mut text: &[u8]) -> Result<(), Gone> {
        while !text.is_empty() {
            match self.fifo.write(text) {
                Ok(written) => text = &text[written..],
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    self.poll(self.fifo.as_fd(), PollFlags::POLLOUT, PollTimeout::NONE)?;
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(_) => return Err(Gone),
            }
        }
        Ok(())
    }

    /// Waits for a descriptor or the runtime's end; whether the descriptor is ready.
    fn poll(&self, fd: std::os::fd::BorrowedFd<'_>, flags: PollFlags, timeout: PollTimeout) -> Result<bool, Gone> {
        let mut fds = [PollFd::new(fd, flags), PollFd::new(self.pidfd.as_fd(), PollFlags::POLLIN)];
        match poll(&mut fds, timeout) {
            Ok(_) if fds[1].any().unwrap_or(true) => Err(Gone),
            Ok(_) => Ok(fds[0].any().unwrap_or(true)),
            Err(Errno::EINTR) => Ok(false),
            Err(_) => Err(Gone),
        }
    }
}
