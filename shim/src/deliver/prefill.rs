//! A text that waits in a descriptor which the runtime inherits, for what it reads once and by any name.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::unistd::pipe2;

use super::DeliverError;
use super::sys::adopt;

/// What a pipe holds unless it is told otherwise (pipe(7)).
const USUAL_SIZE: usize = 64 << 10;

/// A number that callers hardly have open, so that it is the same each time.
const FAR: RawFd = 200;

/// Puts the text into a pipe without a name, whose reading end stays open across `execve` as a descriptor not below `lowest`.
///
/// Who reads a pipe empties it, so nothing is left for a later reader. A text that is larger than this user may have a
/// pipe hold goes into a sealed file in memory.
pub fn prefill(text: &[u8], lowest: RawFd) -> Result<OwnedFd, DeliverError> {
    let failed = DeliverError::step("make a pipe for what the runtime reads");
    let source = match pipe(text) {
        Ok(reader) => reader,
        Err(_) => sealed_file(text).map_err(&failed)?,
    };
    let copied = fcntl(&source, FcntlArg::F_DUPFD(lowest.max(FAR)));
    copied.or_else(|_| fcntl(&source, FcntlArg::F_DUPFD(lowest))).map(adopt).map_err(failed)
}

fn pipe(text: &[u8]) -> io::Result<OwnedFd> {
    let (reader, writer) = pipe2(OFlag::O_NONBLOCK | OFlag::O_CLOEXEC)?;
    if text.len() > USUAL_SIZE {
        let size = i32::try_from(text.len()).map_err(|_| Errno::EPERM)?;
        fcntl(writer.as_fd(), FcntlArg::F_SETPIPE_SZ(size))?;
    }
    // One that doesn't hold it all would block, and says so.
    File::from(writer).write_all(text)?;
    Ok(reader)
}

fn sealed_file(text: &[u8]) -> nix::Result<OwnedFd> {
    let fd = memfd_create(c"ampoule", MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING)?;
    let mut file = File::from(fd);
    let errno = |error: io::Error| Errno::from_raw(error.raw_os_error().unwrap_or_default());
    file.write_all(text).map_err(errno)?;
    let seals = SealFlag::F_SEAL_SEAL | SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_WRITE;
    fcntl(&file, FcntlArg::F_ADD_SEALS(seals))?;
    Ok(file.into())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::fd::AsRawFd;

    use super::*;

    #[test]
    fn a_text_of_any_length_waits() {
        for length in [0, 1, USUAL_SIZE, USUAL_SIZE + 1, (1 << 20) + 1, 3 << 20] {
            let text: Vec<u8> = (0..=u8::MAX).cycle().take(length).collect();
            let fd = prefill(&text, 40).expect("a descriptor");
            assert!(fd.as_raw_fd() >= 40);
            let name = format!("/proc/self/fd/{}", fd.as_raw_fd());
            assert!(fs::read(&name).expect("reads") == text, "{length} bytes");
        }
    }

    #[test]
    fn who_reads_a_pipe_empties_it() {
        let fd = prefill(b"text", 40).expect("a descriptor");
        let name = format!("/proc/self/fd/{}", fd.as_raw_fd());
        assert_eq!(fs::read(&name).expect("reads"), b"text");
        assert_eq!(fs::read(&name).expect("reads"), b"");
    }

    #[test]
    fn what_no_pipe_may_hold_cannot_be_changed() {
        let fd = sealed_file(b"text").expect("a file");
        let name = format!("/proc/self/fd/{}", fd.as_raw_fd());
        assert!(fs::write(&name, "other").is_err());
        assert_eq!(fs::read(&name).expect("reads"), b"text");
    }
}
