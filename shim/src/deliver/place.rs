//! The directory of a config.json, and what can stand in it after a crash.
//!
//! What takes the place of config.json is a link to the helper's own descriptor of a pipe, `/proc/PID/fd/N`: when the
//! helper is killed the link leads nowhere, and an open of it fails instead of waiting for ever.
//!
//! | config.json | the sibling | left by |
//! |---|---|---|
//! | the original | nothing | every create that ended well |
//! | the original | a link, or the same file | a shim killed before the swap |
//! | a link | the original | a helper and a guard killed after the swap |
//! | a new one | the original | the same, and an engine that has written the bundle again |
//!
//! Older versions left a FIFO where there is a link.

use std::cell::Cell;
use std::ffi::{CString, OsStr};
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat, readlinkat, renameat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, fstatat, stat};
use nix::unistd::{UnlinkatFlags, linkat, symlinkat, unlinkat};

use super::lock::Lock;
use super::{DeliverError, sys};
use crate::phase;
use crate::spec::MOST_BYTES;

/// A config.json and its directory.
pub struct Place {
    directory: File,
    bundle: PathBuf,
    name: CString,
    sibling: CString,
}

/// A [`Place`] that no other create uses, until this and every copy of its descriptors is closed.
pub struct Locked {
    place: Place,
    lock: Lock,
    /// Whether somebody else removes the lock's file.
    leaves_lock: Cell<bool>,
}

/// What stands at config.json.
pub enum Reading {
    /// A text.
    Text(Vec<u8>),
    /// What a create puts there for a moment: one is under way, or was killed.
    Swapped,
    /// Nothing that can be read.
    Unreadable,
}

impl Place {
    /// Opens the directory of a bundle's config.json, or of the file that takes its place.
    pub fn open(bundle: &Path, config: Option<&Path>) -> Option<Self> {
        let bundle = bundle.canonicalize().ok()?;
        let path = bundle.join(config.unwrap_or(Path::new("config.json")));
        let (directory, name) = (path.parent()?, path.file_name()?);
        Some(Self {
            directory: File::open(directory).ok()?,
            bundle: directory.to_owned(),
            name: CString::new(name.as_bytes()).ok()?,
            sibling: CString::new([b".", name.as_bytes(), b".ampoule"].concat()).ok()?,
        })
    }

    /// The directory's path.
    pub fn bundle(&self) -> &Path {
        &self.bundle
    }

    /// Reads what stands at config.json, without waiting for anybody.
    pub fn read(&self) -> Result<Reading, DeliverError> {
        // A look before the open: opening somebody else's pipe would wake its helper.
        if self.is_ours(&self.name) {
            return Ok(Reading::Swapped);
        }
        let fd = match self.open_config() {
            Ok(fd) => fd,
            // It was there a moment ago, or is there now: another create came between the look and the open.
            Err(Errno::ENOENT) if self.stat(&self.name).is_some() => return Ok(Reading::Swapped),
            Err(_) => return Ok(Reading::Unreadable),
        };
        match fstat(&fd) {
            Ok(stat) if is(&stat, SFlag::S_IFREG) => self.read_file(File::from(fd), &stat),
            Ok(stat) if is(&stat, SFlag::S_IFIFO) => Ok(Reading::Swapped),
            _ => Ok(Reading::Unreadable),
        }
    }

    /// Opens what stands at config.json.
    pub(super) fn open_config(&self) -> nix::Result<OwnedFd> {
        let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC | OFlag::O_NOCTTY;
        openat(&self.directory, self.name.as_c_str(), flags, Mode::empty())
    }

    /// Waits for other creates on this bundle to end; the lock is in the run directory, if that can be written.
    pub fn lock(self, run_dir: &Path, deadline: Instant) -> Result<Locked, DeliverError> {
        let path = Lock::path(&self.directory, run_dir);
        let mut pause = Duration::from_micros(200);
        loop {
            let attempt = Lock::attempt(&self.directory, path.as_deref());
            if let Some(lock) = attempt.map_err(|error| failed("lock the bundle", &error))? {
                return Ok(Locked { place: self, lock, leaves_lock: Cell::new(false) });
            }
            if Instant::now() + pause >= deadline {
                return Err(DeliverError::Busy { bundle: self.bundle });
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(20));
        }
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

    /// The path of config.json.
    pub fn path(&self) -> PathBuf {
        self.bundle.join(OsStr::from_bytes(self.name.to_bytes()))
    }

    fn stat(&self, name: &CString) -> Option<FileStat> {
        fstatat(&self.directory, name.as_c_str(), AtFlags::AT_SYMLINK_NOFOLLOW).ok()
    }

    /// Whether a FIFO or a link to a process's descriptor stands there.
    fn is_ours(&self, name: &CString) -> bool {
        let Some(stat) = self.stat(name) else { return false };
        is(&stat, SFlag::S_IFIFO) || (is(&stat, SFlag::S_IFLNK) && self.links_to_descriptor(name))
    }

    fn links_to_descriptor(&self, name: &CString) -> bool {
        let target = readlinkat(&self.directory, name.as_c_str()).unwrap_or_default();
        let target = target.to_string_lossy();
        let numbers = target.strip_prefix("/proc/").and_then(|tail| tail.split_once("/fd/"));
        numbers.is_some_and(|(pid, fd)| pid.parse::<u32>().is_ok() && fd.parse::<u32>().is_ok())
    }
}

impl std::ops::Deref for Locked {
    type Target = Place;

    fn deref(&self) -> &Place {
        &self.place
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        if !self.leaves_lock.get() {
            self.lock.remove();
        }
    }
}

impl Locked {
    /// Undoes what a killed create left behind.
    pub fn heal(&self) -> Result<(), DeliverError> {
        if self.is_ours(&self.name) {
            if self.stat(&self.sibling).is_none() || self.is_ours(&self.sibling) {
                return Err(DeliverError::NoOriginal { path: self.path() });
            }
            self.put_back().map_err(DeliverError::step("put config.json back"))?;
        } else if self.stat(&self.name).is_some() && self.stat(&self.sibling).is_some() {
            self.remove(&self.sibling).map_err(DeliverError::step("remove what a killed create left"))?;
        }
        Ok(())
    }

    /// Finds out whether the bundle can be written, by a second name of config.json: a file system may take long to find
    /// room for another file.
    pub(super) fn try_writing(&self) -> nix::Result<()> {
        let (from, to) = (self.name.as_c_str(), self.sibling.as_c_str());
        linkat(&self.directory, from, &self.directory, to, AtFlags::empty())?;
        phase::at("named");
        self.remove(&self.sibling)
    }

    /// Puts a link to the helper's pipe in the place of config.json and config.json beside it.
    pub(super) fn exchange(&self, link: &Path) -> Result<(), DeliverError> {
        // The runtime has this process's rights; what is refused here would be refused to it.
        let reached = stat(link).map(|stat| is(&stat, SFlag::S_IFIFO));
        let step = DeliverError::step("reach its helper through /proc");
        if !reached.map_err(&step)? {
            return Err(step(Errno::ESRCH));
        }
        symlinkat(link, &self.directory, self.sibling.as_c_str()).map_err(DeliverError::step("link to its helper"))?;
        phase::at("linked");
        sys::exchange(self.directory.as_fd(), &self.name, &self.sibling).map_err(DeliverError::step("swap config.json"))
    }

    /// Brings the original back, wherever it is; what stood for it is gone then.
    pub(super) fn restore(&self) {
        // Nobody is left to report a failure to, and the next create tries again.
        let _ = self.heal();
    }

    /// Lets others have the lock as soon as every copy of its descriptor is closed.
    pub(super) fn release(&self) {
        self.lock.remove();
        self.leaves_lock.set(true);
    }

    /// The same place under the same lock, for the helper and its guard, who [`release`](Self::release) it.
    pub(super) fn for_helper(&self) -> Result<Self, DeliverError> {
        let failed = |error| failed("keep the bundle open", &error);
        let place = Place {
            directory: self.directory.try_clone().map_err(failed)?,
            bundle: self.bundle.clone(),
            name: self.name.clone(),
            sibling: self.sibling.clone(),
        };
        let lock = self.lock.try_clone().map_err(failed)?;
        self.leaves_lock.set(true);
        Ok(Self { place, lock, leaves_lock: Cell::new(true) })
    }

    /// The descriptors of the directory and of the lock.
    pub(super) fn descriptors(&self) -> [RawFd; 2] {
        [self.directory.as_raw_fd(), self.lock.descriptor()]
    }

    /// One step, so that config.json is never absent: the original takes the link's place.
    fn put_back(&self) -> nix::Result<()> {
        renameat(&self.directory, self.sibling.as_c_str(), &self.directory, self.name.as_c_str())
    }

    fn remove(&self, name: &CString) -> nix::Result<()> {
        unlinkat(&self.directory, name.as_c_str(), UnlinkatFlags::NoRemoveDir)
    }
}

fn is(stat: &FileStat, kind: SFlag) -> bool {
    SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT == kind
}

fn failed(step: &'static str, error: &std::io::Error) -> DeliverError {
    DeliverError::Step { step, errno: Errno::from_raw(error.raw_os_error().unwrap_or_default()) }
}
