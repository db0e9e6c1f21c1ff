//! The pipes that config.json leads to while a runtime is awaited: a fresh one as soon as one has been opened.
//!
//! They have no name. The helper holds the writing ends and nobody the reading ones, until somebody opens the link to
//! the helper's descriptor. That is one descriptor for as long as the helper lives, its door: which pipe it is of
//! changes by one call (dup(2)), and in no file system.

use std::fs::{self, File};
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use nix::unistd::{dup3, pipe2};

use super::sys;

/// Where others can open a process's descriptor.
pub(super) fn link(pid: i32, descriptor: RawFd) -> PathBuf {
    PathBuf::from(format!("/proc/{pid}/fd/{descriptor}"))
}

/// What a pipe holds unless it is told otherwise (pipe(7)).
const USUAL_SIZE: usize = 64 << 10;

/// What anybody may have a pipe hold.
const LARGEST_SIZE: usize = 1 << 20;

/// More readers at once than there ever are; the next ones share a pipe.
const MOST: usize = 64;

/// Pipes and who has opened them.
pub(super) struct Pipes {
    opens: Inotify,
    all: Vec<File>,
    /// What config.json leads to: a second descriptor of one of them, or at last the original.
    door: OwnedFd,
    /// The first descriptor of the one that it was of last.
    current: RawFd,
    size: usize,
    /// How many times any was opened, as far as the kernel told: it tells two openings in a row as one.
    opened: usize,
}

impl Pipes {
    /// One pipe, for a text of this length. A user may have few watchers at a time (inotify(7), `max_user_instances`), and
    /// each create needs one for a moment: for its turn it waits as often as `may_wait`, which takes a while, says that it may.
    pub(super) fn new(length: usize, may_wait: impl Fn() -> bool) -> nix::Result<Self> {
        let opens = loop {
            match Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC) {
                Err(Errno::EMFILE) if may_wait() => {}
                done => break done?,
            }
        };
        let size = length.clamp(USUAL_SIZE, LARGEST_SIZE);
        let first = make(&opens, size)?;
        let door = fcntl(&first, FcntlArg::F_DUPFD_CLOEXEC(0)).map(sys::adopt)?;
        Ok(Self { opens, door, current: first.as_raw_fd(), all: vec![first], size, opened: 0 })
    }

    /// The descriptor that config.json leads to.
    pub(super) fn door(&self) -> RawFd {
        self.door.as_raw_fd()
    }

    /// Becomes readable when one has been opened.
    pub(super) fn opens(&self) -> BorrowedFd<'_> {
        self.opens.as_fd()
    }

    /// Whether one has been opened since the last call.
    pub(super) fn were_opened(&mut self) -> bool {
        let events = self.opens.read_events().unwrap_or_default();
        self.opened += events.len();
        !events.is_empty()
    }

    /// Whether more than one opening is known of, or may have been taken for one.
    pub(super) fn were_opened_again(&mut self) -> bool {
        self.were_opened();
        self.opened > 1
    }

    /// Counts what has been opened before anybody looked: one or several.
    pub(super) fn count_early(&mut self) -> bool {
        let early = self.were_opened();
        self.opened += usize::from(early);
        early
    }

    /// Has the door lead to another one: one that nobody reads, or a new one.
    pub(super) fn change(&mut self) -> nix::Result<()> {
        let is_free = |pipe: &File| pipe.as_raw_fd() != self.current && !has_readers(pipe);
        let free = self.all.iter().position(is_free);
        if free.is_none() {
            self.make()?;
        }
        let next = &self.all[free.unwrap_or(self.all.len() - 1)];
        dup3(next, &mut self.door, OFlag::O_CLOEXEC)?;
        self.current = next.as_raw_fd();
        Ok(())
    }

    /// Has the door lead to a file: who comes through it from now on needs no pipe, and keeps none from its end.
    pub(super) fn end(&mut self, original: &OwnedFd) -> nix::Result<()> {
        dup3(original, &mut self.door, OFlag::O_CLOEXEC)
    }

    /// Makes one for [`change`](Self::change) to find.
    pub(super) fn make(&mut self) -> nix::Result<()> {
        if self.all.len() >= MOST {
            return Err(Errno::EMFILE);
        }
        self.all.push(make(&self.opens, self.size)?);
        Ok(())
    }

    /// The pipe that a process has open, if it has one.
    pub(super) fn opened_by(&self, pid: i32) -> Option<usize> {
        let numbers: Vec<_> = self.all.iter().map(identity).collect();
        let open = fs::read_dir(format!("/proc/{pid}/fd")).ok()?.flatten();
        let number = |entry: fs::DirEntry| fs::metadata(entry.path()).ok().map(|found| (found.dev(), found.ino()));
        open.filter_map(number).find_map(|found| numbers.iter().position(|own| *own == Some(found)))
    }

    /// Takes one out, to write to it and to close it.
    pub(super) fn take(&mut self, index: usize) -> File {
        self.all.swap_remove(index)
    }

    /// Whether anybody reads.
    pub(super) fn have_readers(&self) -> bool {
        self.all.iter().any(has_readers)
    }

    /// Gives everybody who reads a text, as much as fits, and its end.
    pub(super) fn give_readers(&mut self, text: &[u8]) {
        self.all.retain_mut(|pipe| {
            let read = has_readers(pipe);
            // Who has gone meanwhile doesn't miss it.
            let _ = if read { pipe.write(text) } else { Ok(0) };
            !read
        });
    }
}

/// Makes one and watches it.
fn make(opens: &Inotify, size: usize) -> nix::Result<File> {
    // Nobody needs the reading end: a link to the writing one can be opened for reading.
    let (_, writer) = pipe2(OFlag::O_NONBLOCK | OFlag::O_CLOEXEC)?;
    // Fewer turns for a large text; the usual size also works.
    if size > USUAL_SIZE {
        let _ = i32::try_from(size).map(|size| fcntl(&writer, FcntlArg::F_SETPIPE_SZ(size)));
    }
    let own = format!("/proc/self/fd/{}", writer.as_raw_fd());
    opens.add_watch(own.as_str(), AddWatchFlags::IN_OPEN)?;
    Ok(File::from(writer))
}

/// Another process than these two that has the pipe open, as far as this one may see.
pub(super) fn other_holder(pipe: &File, but: [i32; 2]) -> Option<i32> {
    let name = PathBuf::from(format!("pipe:[{}]", identity(pipe)?.1));
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.find(|pid| {
        let open = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
        let has_it = |entry: fs::DirEntry| fs::read_link(entry.path()).is_ok_and(|target| target == name);
        !but.contains(pid) && open.into_iter().any(has_it)
    })
}

fn has_readers(pipe: &File) -> bool {
    let mut fds = [PollFd::new(pipe.as_fd(), PollFlags::empty())];
    // With no reader a writing end is in error.
    !poll(&mut fds, PollTimeout::ZERO).is_ok_and(|ready| ready > 0)
}

fn identity(pipe: &File) -> Option<(u64, u64)> {
    pipe.metadata().ok().map(|own| (own.dev(), own.ino()))
}
