//! The system calls that have no safe wrapper: the only unsafe code of the shim.
#![allow(unsafe_code)]

use std::ffi::CStr;
use std::fs::File;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::libc;
use nix::unistd::{ForkResult, Pid, fork};

/// `fork(2)`.
///
/// The caller must have no other thread; the shim never starts one.
pub(super) fn fork_alone() -> nix::Result<ForkResult> {
    // SAFETY: a child of a process with several threads may only make async-signal-safe calls. This process has one
    // thread: the async runtime of the client is of the current-thread kind and has been dropped.
    unsafe { fork() }
}

/// Ends this process at once: no exit handler, no flush of what the parent had buffered.
pub(super) fn exit_now(status: i32) -> ! {
    // SAFETY: `_exit` has no precondition.
    unsafe { libc::_exit(status) }
}

/// `pidfd_open(2)`: readable when the process has ended, and never another process's.
pub(super) fn pidfd_open(pid: Pid) -> nix::Result<OwnedFd> {
    // SAFETY: the call takes two integers.
    let result = unsafe { libc::syscall(libc::SYS_pidfd_open, pid.as_raw(), 0) };
    let fd = RawFd::try_from(Errno::result(result)?).map_err(|_| Errno::EBADF)?;
    // SAFETY: the kernel has just made this descriptor for us alone; it is close-on-exec.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Owns a descriptor that `fcntl(2)` has just made for the caller alone.
pub(super) fn adopt(fd: RawFd) -> OwnedFd {
    // SAFETY: the number is the result of F_DUPFD or F_DUPFD_CLOEXEC, which nobody else has; see the callers.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

/// Goes before all that has no real-time priority, if this process may (sched(7)); its children don't.
pub(super) fn go_first() {
    schedule(libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK, 1);
}

/// Takes turns with everybody again.
pub(super) fn go_in_turn() {
    schedule(libc::SCHED_OTHER | libc::SCHED_RESET_ON_FORK, 0);
}

/// `sched_setscheduler(2)` for this process.
fn schedule(policy: libc::c_int, priority: libc::c_int) {
    // The kernel's `struct sched_param`; musl has a larger one, and no such call.
    // SAFETY: the parameter lives for as long as the call takes.
    unsafe { libc::syscall(libc::SYS_sched_setscheduler, 0, policy, &raw const priority) };
}

/// `renameat2(2)` with `RENAME_EXCHANGE` in one directory.
pub(super) fn exchange(directory: BorrowedFd<'_>, one: &CStr, other: &CStr) -> nix::Result<()> {
    let fd = directory.as_raw_fd();
    // SAFETY: the descriptor is borrowed and both names end in NUL, for as long as the call takes.
    let result =
        unsafe { libc::syscall(libc::SYS_renameat2, fd, one.as_ptr(), fd, other.as_ptr(), libc::RENAME_EXCHANGE) };
    Errno::result(result).map(drop)
}

/// `move_mount(2)` with `MOVE_MOUNT_SET_GROUP`: what is mounted on one mount comes to the other one too, as it does between
/// the first and those that it shares mounts with already. Since Linux 5.15.
pub(super) fn share_mounts(with: &File, own: &File) -> nix::Result<()> {
    // linux/mount.h; not every libc has them.
    const SET_GROUP: libc::c_uint = 0x100;
    const EMPTY_PATHS: libc::c_uint = 0x4 | 0x40;
    let (with, own, flags, empty) = (with.as_raw_fd(), own.as_raw_fd(), SET_GROUP | EMPTY_PATHS, c"".as_ptr());
    // SAFETY: both descriptors are borrowed and the text lives for ever.
    let result = unsafe { libc::syscall(libc::SYS_move_mount, with, empty, own, empty, flags) };
    Errno::result(result).map(drop)
}

/// Closes every descriptor from 3 on but the `kept` ones.
///
/// For the helper, which has just been forked and uses nothing but what it keeps.
pub(super) fn close_all_but(kept: &mut [RawFd]) {
    kept.sort_unstable();
    let mut first = 3;
    for fd in kept.iter().copied().filter(|fd| *fd >= 3) {
        close_range(first, fd - 1);
        first = fd + 1;
    }
    close_range(first, RawFd::MAX);
}

fn close_range(first: RawFd, last: RawFd) {
    if first > last {
        return;
    }
    // SAFETY: the owners of these descriptors are values of the parent's that the helper never touches or drops: it
    // ends by `_exit`.
    unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
}
