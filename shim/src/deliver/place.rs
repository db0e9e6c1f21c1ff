//! The directory of a config.json, and what can stand in it after a crash.
//!
//! | config.json | the sibling | left by |
//! |---|---|---|
//! | the original | nothing | every create that ended well |
//! | the original | a FIFO | a shim killed before the swap |
//! | a FIFO | the original | a helper and its guard killed after the swap |

use std::ffi::{CString, OsStr};
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat, renameat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, fstatat};
use nix::unistd::{UnlinkatFlags, mkfifoat, unlinkat};

use super::{DeliverError, sys};
use crate::spec::MOST_BYTES;

/// A config.json and its directory.
pub struct Place {
    directory: File,
    bundle: PathBuf,
    name: CString,
    sibling: CString,
}

/// A [`Place`] that no other create uses, until this and every copy of its descriptor is closed.
pub struct Locked(Place);

/// What stands at config.json.
pub enum Reading {
    /// A text.
    Text(Vec<u8>),
    /// A FIFO: another create is under way, or was killed.
    Fifo,
    /// Nothing that can be read.
    Unreadable,
}

impl Place {
    /// Opens the directory of a bundle's config.json, or of the file that takes its place.
    pub fn open(bundle: &Path, config: Option<&Path>) -> Option<Self> {
        let bundle = bundle.canonicalize().ok()?;
        let path = bundle.join(config.unwrap_or(Path::new("config.json")));
        let (directory, name) = (path.parent()?, path.file_name()?);
        let sibling = [b".", name.as_bytes(), b".ampoule"].concat();
        Some(Self {
            directory: File::open(directory).ok()?,
            bundle: directory.to_owned(),
            name: CString::new(name.as_bytes()).ok()?,
            sibling: CString::new(sibling).ok()?,
        })
    }

    /// The directory's path.
    pub fn bundle(&self) -> &Path {
        &self.bundle
    }

    /// Reads what stands at config.json, without waiting for anybody.
    pub fn read(&self) -> Result<Reading, DeliverError> {
        // A look before the open: opening somebody else's FIFO would wake its helper.
        match self.stat(&self.name) {
            Some(stat) if is(&stat, SFlag::S_IFIFO) => return Ok(Reading::Fifo),
            Some(_) => {}
            None => return Ok(Reading::Unreadable),
        }
        let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC | OFlag::O_NOCTTY;
        let Ok(fd) = openat(&self.directory, self.name.as_c_str(), flags, Mode::empty()) else {
            return Ok(Reading::Unreadable);
        };
        match fstat(&fd) {
            Ok(stat) if is(&stat, SFlag::S_IFREG) => self.read_file(File::from(fd), &stat),
            Ok(stat) if is(&stat, SFlag::S_IFIFO) => Ok(Reading::Fifo),
            _ => Ok(Reading::Unreadable),
        }
    }

    /// Waits for other creates on this bundle to end.
    pub fn lock(self, deadline: Instant) -> Result<Locked, DeliverError> {
        let mut pause = Duration::from_micros(200);
        // Not nix's guard, which unlocks when dropped: the helper shares the lock and needs it for longer.
        while self.directory.try_lock().is_err() {
            if Instant::now() + pause >= deadline {
                return Err(DeliverError::Busy { bundle: self.bundle });
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(20));
        }
        Ok(Locked(self))
    }

    fn read_file(&self, file: File, stat: &FileStat) -> Result<Reading, DeliverError> {
        let size = usize::try_from(stat.st_size).unwrap_or(usize::MAX);
        let huge = || DeliverError::Huge { path: self.path() };
        if size > MOST_BYTES {
            return Err(huge());
        }
        let mut text = Vec::with_capacity(size + 1);
        match file.take(MOST_BYTES as u64 + 1).read_to_end(&mut text) {
            Ok(read) if read > MOST_BYTES => Err(huge()),
            Ok(_) => Ok(Reading::Text(text)),
            Err(_) => Ok(Reading::Unreadable),
        }
    }

    fn path(&self) -> PathBuf {
        self.bundle.join(OsStr::from_bytes(self.name.to_bytes()))
    }

    fn stat(&self, name: &CString) -> Option<FileStat> {
        fstatat(&self.directory, name.as_c_str(), AtFlags::AT_SYMLINK_NOFOLLOW).ok()
    }

    fn is_fifo(&self, name: &CString) -> bool {
        self.stat(name).is_some_and(|stat| is(&stat, SFlag::S_IFIFO))
    }
}

impl std::ops::Deref for Locked {
    type Target = Place;

    fn deref(&self) -> &Place {
        &self.0
    }
}

impl Locked {
    /// Undoes what a killed create left behind.
    pub fn heal(&self) -> Result<(), DeliverError> {
        if self.is_fifo(&self.name) {
            if self.stat(&self.sibling).is_none_or(|stat| is(&stat, SFlag::S_IFIFO)) {
                return Err(DeliverError::NoOriginal { path: self.path() });
            }
            // A runtime may hang in its open of the FIFO; with both ends here for a moment it goes on and reads nothing.
            let ends = self.open_fifo(&self.name);
            self.put_back().map_err(DeliverError::step("put config.json back"))?;
            drop(ends);
        } else if self.is_fifo(&self.sibling) {
            self.remove_sibling().map_err(DeliverError::step("remove a leftover FIFO"))?;
        }
        Ok(())
    }

    /// Makes the FIFO beside config.json and opens both of its ends.
    pub(super) fn make_fifo(&self) -> nix::Result<OwnedFd> {
        mkfifoat(&self.directory, self.sibling.as_c_str(), Mode::S_IRUSR | Mode::S_IWUSR)?;
        self.open_fifo(&self.sibling).inspect_err(|_| {
            let _ = self.remove_sibling();
        })
    }

    /// Puts the FIFO in the place of config.json and config.json in its.
    pub(super) fn exchange(&self) -> Result<(), DeliverError> {
        let step = DeliverError::step("swap config.json for a FIFO");
        sys::exchange(self.directory.as_fd(), &self.name, &self.sibling).map_err(step)
    }

    /// Brings the original back, wherever it is; the FIFO is gone then.
    pub(super) fn restore(&self) {
        // Nobody is left to report a failure to, and the next create tries again.
        let _ = if self.is_fifo(&self.name) && !self.is_fifo(&self.sibling) {
            self.put_back()
        } else if self.is_fifo(&self.sibling) {
            self.remove_sibling()
        } else {
            Ok(())
        };
    }

    /// Opens the FIFO that stands at config.json, if one does.
    pub(super) fn open_swapped(&self) -> Option<OwnedFd> {
        self.is_fifo(&self.name).then(|| self.open_fifo(&self.name).ok()).flatten()
    }

    /// The FIFO's path before the swap.
    pub(super) fn sibling_path(&self) -> PathBuf {
        self.bundle.join(OsStr::from_bytes(self.sibling.to_bytes()))
    }

    /// The same place under the same lock, for the helper to hold.
    pub(super) fn for_helper(&self) -> Result<Self, DeliverError> {
        let directory = self.directory.as_fd().try_clone_to_owned();
        let failed = |_| DeliverError::Step { step: "keep the bundle open", errno: Errno::last() };
        Ok(Self(Place {
            directory: File::from(directory.map_err(failed)?),
            bundle: self.bundle.clone(),
            name: self.name.clone(),
            sibling: self.sibling.clone(),
        }))
    }

    /// The directory's descriptor, which carries the lock.
    pub(super) fn directory(&self) -> &File {
        &self.directory
    }

    fn open_fifo(&self, name: &CString) -> nix::Result<OwnedFd> {
        let flags = OFlag::O_RDWR | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW;
        openat(&self.directory, name.as_c_str(), flags, Mode::empty())
    }

    /// One step, so that config.json is never absent: the original takes the FIFO's place.
    fn put_back(&self) -> nix::Result<()> {
        renameat(&self.directory, self.sibling.as_c_str(), &self.directory, self.name.as_c_str())
    }

    fn remove_sibling(&self) -> nix::Result<()> {
        unlinkat(&self.directory, self.sibling.as_c_str(), UnlinkatFlags::NoRemoveDir)
    }
}

fn is(stat: &FileStat, kind: SFlag) -> bool {
    SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT == kind
}
