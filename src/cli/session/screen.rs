//! The terminal that a person sits at, lent to a command elsewhere.

use std::io::{self, IsTerminal};

use ampoule_proto::messages::ampoule::v1::WindowSize;
use nix::sys::termios::{SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};
use rustix::termios::tcgetwinsize;

/// This process's terminal, on which keys are nothing but bytes for as long as this is held.
pub(super) struct Raw {
    before: Termios,
}

impl Raw {
    pub(super) fn begin() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut raw = before.clone();
        cfmakeraw(&mut raw);
        tcsetattr(io::stdin(), SetArg::TCSADRAIN, &raw)?;
        Ok(Self { before })
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // What was typed for the command elsewhere must not be read by the shell here.
        let _ = tcsetattr(io::stdin(), SetArg::TCSAFLUSH, &self.before);
    }
}

/// Its size, if it says one.
pub(super) fn size() -> Option<WindowSize> {
    let size = tcgetwinsize(io::stdout()).or_else(|_| tcgetwinsize(io::stdin())).ok()?;
    Some(WindowSize { rows: size.ws_row.into(), columns: size.ws_col.into() })
}

/// The stream that had to be a terminal and isn't.
pub(super) fn missing(has_input: bool) -> Option<&'static str> {
    if has_input {
        (!io::stdin().is_terminal()).then_some("standard input")
    } else {
        (!io::stdout().is_terminal()).then_some("standard output")
    }
}
