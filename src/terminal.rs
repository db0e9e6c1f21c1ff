//! Asking a person at the terminal for what nobody else may see.

use std::fs::File;
use std::io::{self, ErrorKind, IsTerminal, Read, Write};

use nix::sys::signal::{Signal, raise};
use nix::sys::termios::{LocalFlags, SetArg, SpecialCharacterIndices, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

/// The longest answer, in bytes: as long as any value.
const MOST: usize = 64 * 1024;

/// The terminal of this process, which shows nothing of what is typed for as long as this is held.
pub(crate) struct Hidden {
    terminal: File,
    before: Termios,
}

impl Hidden {
    /// Stops the echo, if there is a terminal and standard input is one.
    pub(crate) fn open() -> io::Result<Self> {
        if !io::stdin().is_terminal() {
            return Err(io::Error::other("there is no terminal to ask at"));
        }
        let terminal = File::options().read(true).write(true).open("/dev/tty")?;
        let before = tcgetattr(&terminal)?;
        let mut hidden = before.clone();
        // Byte by byte: a line that the kernel collects is cut at 4,095 bytes. Without signals: one that ended the
        // process would leave the terminal as it is now.
        hidden
            .local_flags
            .remove(LocalFlags::ECHO | LocalFlags::ECHONL | LocalFlags::ICANON | LocalFlags::ISIG | LocalFlags::IEXTEN);
        hidden.control_chars[SpecialCharacterIndices::VMIN as usize] = 1;
        hidden.control_chars[SpecialCharacterIndices::VTIME as usize] = 0;
        // What was typed before the question was seen, and is no answer.
        tcsetattr(&terminal, SetArg::TCSAFLUSH, &hidden)?;
        Ok(Self { terminal, before })
    }

    /// Asks, and asks for the same again; nothing if the two answers differ.
    pub(crate) fn ask_twice(&mut self, question: &str) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
        let first = self.ask(question)?;
        let again = self.ask("The same again: ")?;
        Ok((*first == *again).then_some(first))
    }

    /// Asks for a line.
    pub(crate) fn ask(&mut self, question: &str) -> io::Result<Zeroizing<Vec<u8>>> {
        self.terminal.write_all(question.as_bytes())?;
        let answer = self.line();
        self.terminal.write_all(b"\n")?;
        if answer.as_ref().is_err_and(|error| error.kind() == ErrorKind::Interrupted) {
            self.restore();
            raise(Signal::SIGINT)?;
        }
        answer
    }

    fn line(&mut self) -> io::Result<Zeroizing<Vec<u8>>> {
        use SpecialCharacterIndices::{VEOF, VERASE, VINTR, VKILL};
        let [end, erase, interrupt, kill] =
            [VEOF, VERASE, VINTR, VKILL].map(|index| self.before.control_chars[index as usize]);
        // As large as it can get: a buffer that grows leaves its old content behind.
        let mut line = Zeroizing::new(Vec::with_capacity(MOST));
        let mut byte = Zeroizing::new([0]);
        loop {
            self.terminal.read_exact(byte.as_mut())?;
            match byte[0] {
                b'\n' | b'\r' => return Ok(line),
                key if key == interrupt => return Err(ErrorKind::Interrupted.into()),
                key if key == end && line.is_empty() => return Err(ErrorKind::UnexpectedEof.into()),
                key if key == erase => erase_character(&mut line),
                key if key == kill => line.clear(),
                // An arrow key, or pasted text that is not one line: to leave it out would store something else.
                key if key.is_ascii_control() && key != b'\t' => {
                    return Err(io::Error::other("a control character was typed"));
                }
                _ if line.len() == MOST => return Err(io::Error::other("the line is too long")),
                byte => line.push(byte),
            }
        }
    }

    fn restore(&self) {
        // The rest of several pasted lines must not become commands of the shell.
        let _ = tcsetattr(&self.terminal, SetArg::TCSAFLUSH, &self.before);
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        self.restore();
    }
}

fn erase_character(line: &mut Vec<u8>) {
    // In UTF-8 every byte of a character but the first is 10xxxxxx (RFC 3629, section 3).
    while line.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_is_erased_whole() {
        let mut line = "a€".as_bytes().to_vec();
        erase_character(&mut line);
        assert_eq!(line, b"a");
        erase_character(&mut line);
        erase_character(&mut line);
        assert_eq!(line, b"");
    }
}
