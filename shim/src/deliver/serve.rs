//! What the helper does: waits for the runtime to open its pipe, and feeds it.

use std::fs::{self, File};
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::fs::MetadataExt;
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::{Pid, getpid};

use super::guard::Guard;
use super::pipes::{self, Pipes};
use super::place::Reading;
use super::{DeliverError, Locked, sys};
use crate::args::{Args, Log};
use crate::fate::Fate;
use crate::{phase, report};

/// How long somebody who has the runtime's pipe open has to close it.
const PATIENCE: Duration = Duration::from_secs(1);

/// Everything that a helper holds, but for the pipes.
pub(super) struct Delivery {
    place: Locked,
    runtime: Pid,
    pidfd: OwnedFd,
    log: Log,
    /// Whether the runtime stays for as long as its container.
    runs: bool,
    /// Until when the runtime may be kept waiting.
    deadline: Instant,
    /// For its guard to tell.
    pub(super) fate: Option<Fate>,
}

/// The runtime has ended.
struct Gone;

impl Delivery {
    /// Prepares a delivery to this process, which becomes the runtime.
    pub(super) fn prepare(
        place: &Locked,
        args: &Args,
        deadline: Instant,
        fate: Option<&Fate>,
    ) -> Result<Self, DeliverError> {
        let pidfd = sys::pidfd_open(getpid()).map_err(DeliverError::step("open its own process"))?;
        let (place, log) = (place.for_helper()?, Log::of(args));
        Ok(Self { place, runtime: getpid(), pidfd, log, runs: args.runs(), deadline, fate: fate.cloned() })
    }

    /// The descriptors that a helper and its guard need.
    pub(super) fn descriptors(&self) -> [RawFd; 3] {
        let [directory, lock] = self.place.descriptors();
        [directory, lock, self.pidfd.as_raw_fd()]
    }

    /// Feeds the runtime, once the original is back where every later reader looks.
    ///
    /// At its end the pipe is closed: crun reads to the end of the file, and a process takes long to end.
    pub(super) fn serve(self, mut pipes: Pipes, text: &[u8], guard: Guard) {
        let opened = self.wait_for_runtime(&mut pipes);
        phase::at("opened");
        // The guard tries again, when the runtime has failed at an empty file.
        let Ok(()) = self.place.heal() else { return };
        phase::at("restored");
        guard.relieve();
        // If that fails, who reads the last pipe comes to its end when this process does.
        let _ = self.place.open_config().and_then(|original| pipes.end(&original));
        let opened = opened.map(|index| pipes.take(index));
        self.turn_away(&mut pipes);
        if let Ok(pipe) = opened {
            let _ = self.feed(pipe, &mut pipes, text);
        }
        // Who was on the way to a pipe has opened it by now, and would wait for ever if it had no other end.
        thread::sleep(Duration::from_millis(1));
        self.turn_away(&mut pipes);
        phase::at("finished");
    }

    /// Brings the original back, if it isn't there.
    pub(super) fn restore(&self) {
        self.place.restore();
    }

    /// Waits for a moment; whether the runtime may be kept waiting any longer.
    pub(super) fn may_wait(&self) -> bool {
        !self.runtime_ends(PollTimeout::from(5_u8)) && Instant::now() < self.deadline
    }

    /// Waits for the runtime's end; whether it has ended by then.
    pub(super) fn runtime_ends(&self, within: PollTimeout) -> bool {
        let mut runtime = [PollFd::new(self.pidfd.as_fd(), PollFlags::POLLIN)];
        loop {
            match poll(&mut runtime, within) {
                // It was stopped for a while (signal(7)).
                Err(Errno::EINTR) => {}
                ended => return ended.is_ok_and(|ended| ended > 0),
            }
        }
    }

    /// Waits until the runtime reads nothing of the bundle any more: until its end, or that of its part in a `run`.
    ///
    /// crun opens config.json a second time, to keep a copy.
    pub(super) fn wait_for_last_read(&self) {
        self.wait_for_end_or(|| self.has_started_container());
    }

    /// Waits for the runtime's end, or in a `run` until something is so; whether the runtime has ended.
    pub(super) fn wait_for_end_or(&self, is_so: impl Fn() -> bool) -> bool {
        if !self.runs {
            return self.runtime_ends(PollTimeout::NONE);
        }
        // A look takes longer the busier the machine is, and many runtimes at once make it busy.
        let mut pause = 5_u8;
        loop {
            pause = (pause * 2).min(80);
            if self.runtime_ends(PollTimeout::from(pause)) {
                return true;
            }
            if is_so() {
                return false;
            }
        }
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

    /// Lets the next create on the bundle begin, when this process ends.
    pub(super) fn release(&self) {
        self.place.release();
    }

    /// Waits until the runtime has one of the pipes open.
    ///
    /// Whoever has opened one, config.json leads to another at once. What became of the first can wait: the kernel tells
    /// of an opening before the opener has its descriptor.
    fn wait_for_runtime(&self, pipes: &mut Pipes) -> Result<usize, Gone> {
        let mut timeout = PollTimeout::NONE;
        // Before the runtime had time for it: or this process had none, and the runtime may be one of several.
        if pipes.count_early() {
            change(pipes);
            timeout = PollTimeout::ZERO;
        }
        loop {
            let looks = if self.poll(pipes.opens(), PollFlags::POLLIN, timeout)? { 50 } else { 1 };
            for _ in 0..looks {
                if pipes.were_opened() {
                    change(pipes);
                }
                if let Some(index) = pipes.opened_by(self.runtime.as_raw()) {
                    return Ok(index);
                }
                thread::sleep(Duration::from_micros(20));
            }
            timeout = PollTimeout::from(1_u8);
        }
    }

    /// Gives strangers what they came for: the original, which is back.
    fn turn_away(&self, pipes: &mut Pipes) {
        if pipes.have_readers()
            && let Ok(Reading::Text(original)) = self.place.read()
        {
            pipes.give_readers(&original);
        }
    }

    /// Writes the text to the runtime's pipe, if nobody else has that open.
    fn feed(&self, pipe: File, pipes: &mut Pipes, text: &[u8]) -> Result<(), Gone> {
        let patience = Instant::now() + PATIENCE;
        let but = [self.runtime.as_raw(), getpid().as_raw()];
        if pipes.were_opened_again() {
            // There is no hurry any more, and a look at every process takes long.
            sys::go_in_turn();
        }
        while pipes.were_opened_again()
            && let Some(pid) = pipes::other_holder(&pipe, but)
        {
            if Instant::now() > patience {
                let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
                let path = self.place.path();
                report::append(&DeliverError::Shared { path, pid, name: name.trim().to_owned() }, &self.log);
                return Err(Gone);
            }
            if self.runtime_ends(PollTimeout::from(10_u8)) {
                return Err(Gone);
            }
        }
        self.write(pipe, text)
    }

    fn write(&self, mut pipe: File, mut text: &[u8]) -> Result<(), Gone> {
        while !text.is_empty() {
            match pipe.write(text) {
                Ok(written) => text = &text[written..],
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    self.poll(pipe.as_fd(), PollFlags::POLLOUT, PollTimeout::NONE)?;
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(_) => return Err(Gone),
            }
        }
        Ok(())
    }

    /// Waits for a descriptor or the runtime's end; whether the descriptor is ready.
    fn poll(&self, fd: BorrowedFd<'_>, flags: PollFlags, timeout: PollTimeout) -> Result<bool, Gone> {
        let mut fds = [PollFd::new(fd, flags), PollFd::new(self.pidfd.as_fd(), PollFlags::POLLIN)];
        match poll(&mut fds, timeout) {
            Ok(_) if fds[1].any().unwrap_or(true) => Err(Gone),
            Ok(_) => Ok(fds[0].any().unwrap_or(true)),
            Err(Errno::EINTR) => Ok(false),
            Err(_) => Err(Gone),
        }
    }
}

/// Has config.json lead to another pipe.
fn change(pipes: &mut Pipes) {
    // If that fails, the next one comes to the same pipe, and that is noticed.
    let _ = pipes.change();
    phase::at("changed");
}
