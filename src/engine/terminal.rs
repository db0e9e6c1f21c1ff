//! A terminal for a command: the engine's client has one side of it, and whoever asked the other.

use std::io;
use std::os::fd::OwnedFd;
use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{OptionalActions, Winsize, tcgetattr, tcsetattr, tcsetwinsize};
use tokio::net::unix::pipe::{Receiver, Sender};

use super::job::Window;

/// Both sides of a terminal.
pub(super) struct Terminal {
    ours: OwnedFd,
    theirs: OwnedFd,
}

/// What is left of it when the program has its side.
pub(super) struct Ours {
    pub(super) shown: Receiver,
    pub(super) keys: Sender,
    pub(super) size: Size,
}

/// Through which the program's terminal gets another size.
pub(super) struct Size {
    ours: OwnedFd,
    client: Option<u32>,
}

impl Terminal {
    /// A new one, which does nothing to what passes: the container has another, which does.
    pub(super) fn open(window: Window) -> io::Result<Self> {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let ours = openpt(flags)?;
        grantpt(&ours)?;
        unlockpt(&ours)?;
        let theirs = ioctl_tiocgptpeer(&ours, flags)?;
        // The client does this too, but later: a key that came before would be shown twice, and `^C` be lost.
        let mut modes = tcgetattr(&theirs)?;
        modes.make_raw();
        tcsetattr(&theirs, OptionalActions::Now, &modes)?;
        tcsetwinsize(&ours, winsize(window))?;
        Ok(Self { ours, theirs })
    }

    /// The program's side.
    pub(super) fn side(&self) -> io::Result<Stdio> {
        Ok(self.theirs.try_clone()?.into())
    }

    /// Our side, of a terminal whose other side a process has.
    pub(super) fn into_ours(self, client: Option<u32>) -> io::Result<Ours> {
        fcntl_setfl(&self.ours, fcntl_getfl(&self.ours)? | OFlags::NONBLOCK)?;
        Ok(Ours {
            shown: Receiver::from_owned_fd_unchecked(self.ours.try_clone()?)?,
            keys: Sender::from_owned_fd_unchecked(self.ours.try_clone()?)?,
            size: Size { ours: self.ours, client },
        })
    }
}

impl Size {
    /// Changes it, and tells the engine's client, which tells the container. It is not of the terminal's session, so that
    /// the kernel doesn't.
    pub(super) fn set(&self, window: Window) {
        let set = tcsetwinsize(&self.ours, winsize(window));
        if let (Ok(()), Some(client)) = (set, self.client) {
            // It has not been waited for, so that the number is still its own.
            let _ = kill(Pid::from_raw(client.cast_signed()), Signal::SIGWINCH);
        }
    }
}

fn winsize(Window { rows, columns }: Window) -> Winsize {
    Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }
}
