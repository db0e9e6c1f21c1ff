//! What lines are written to.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

use crate::config::AuditSink;

/// Facility authpriv, severity informational (RFC 5424, section 6.2.1).
const PRIORITY: u8 = 10 * 8 + 6;

/// Where lines go.
pub(super) enum Target {
    Stdout,
    Syslog { socket: PathBuf, connection: Option<UnixDatagram> },
    File { path: PathBuf, file: Option<File> },
}

impl Target {
    pub(super) fn new(sink: &AuditSink) -> Self {
        match sink {
            AuditSink::Stdout => Self::Stdout,
            AuditSink::Syslog => Self::Syslog { socket: PathBuf::from("/dev/log"), connection: None },
            AuditSink::File(path) => Self::File { path: path.clone(), file: None },
        }
    }

    /// Writes all of the lines; after an error some of them may have been.
    pub(super) fn write(&mut self, lines: &[String]) -> io::Result<()> {
        match self {
            Self::Stdout => {
                let mut out = io::stdout().lock();
                out.write_all(joined(lines).as_bytes())?;
                out.flush()
            }
            Self::Syslog { socket, connection } => {
                let sent = send(socket, connection, lines);
                // Whoever reads it may have been started anew.
                if sent.is_err() {
                    *connection = None;
                }
                sent
            }
            Self::File { path, file } => {
                let written = append(path, file, lines);
                if written.is_err() {
                    *file = None;
                }
                written
            }
        }
    }
}

fn joined(lines: &[String]) -> String {
    lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect()
}

fn send(socket: &Path, connection: &mut Option<UnixDatagram>, lines: &[String]) -> io::Result<()> {
    let connection = if let Some(connection) = connection {
        connection
    } else {
        let fresh = UnixDatagram::unbound()?;
        fresh.connect(socket)?;
        connection.insert(fresh)
    };
    let tag = format!("<{PRIORITY}>ampoule[{}]: ", std::process::id());
    for line in lines {
        connection.send((tag.clone() + line).as_bytes())?;
    }
    Ok(())
}

fn append(path: &Path, file: &mut Option<File>, lines: &[String]) -> io::Result<()> {
    let same = |file: &File| {
        let (held, there) = (file.metadata()?, fs::metadata(path)?);
        Ok::<bool, io::Error>((held.dev(), held.ino()) == (there.dev(), there.ino()))
    };
    // A file that was rotated away is let go.
    let file = match file {
        Some(held) if same(held).unwrap_or(false) => held,
        _ => file.insert(open(path)?),
    };
    let whole = file.metadata()?.len();
    let written = file.write_all(joined(lines).as_bytes()).and_then(|()| sync(file));
    if written.is_err() {
        // Half a line must not become part of the next one.
        let _ = file.set_len(whole);
    }
    written
}

/// Who may read the audit log is for the administrator to say.
fn open(path: &Path) -> io::Result<File> {
    let mut file = File::options().read(true).append(true).create(true).mode(0o600).open(path)?;
    let mut last = [b'\n'];
    if file.metadata()?.len() > 0 {
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
    }
    // The machine went down in the middle of a line.
    if last != [b'\n'] {
        file.write_all(b"\n")?;
    }
    Ok(file)
}

/// A pipe or a device can't be synced, and need not be.
fn sync(file: &File) -> io::Result<()> {
    if file.metadata()?.is_file() { file.sync_data() } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(texts: &[&str]) -> Vec<String> {
        texts.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn half_a_line_stays_alone_and_a_rotated_file_is_let_go() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log");
        fs::write(&path, "whole\nhal").expect("written");
        let mut target = Target::new(&AuditSink::File(path.clone()));
        target.write(&lines(&["one", "two"])).expect("written");
        assert_eq!(fs::read_to_string(&path).expect("read"), "whole\nhal\none\ntwo\n");
        fs::rename(&path, folder.path().join("log.1")).expect("rotated");
        target.write(&lines(&["three"])).expect("written");
        assert_eq!(fs::read_to_string(&path).expect("read"), "three\n");
    }

    #[test]
    fn a_full_disk_is_an_error_and_no_more() {
        let mut target = Target::new(&AuditSink::File(PathBuf::from("/dev/full")));
        let error = target.write(&lines(&["one"])).expect_err("full");
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }

    #[test]
    fn the_system_log_gets_one_message_a_line_and_may_come_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let socket = folder.path().join("log");
        let mut target = Target::Syslog { socket: socket.clone(), connection: None };
        assert!(target.write(&lines(&["none"])).is_err());
        for _ in 0..2 {
            let log = UnixDatagram::bind(&socket).expect("bound");
            // The first try of the second round meets the connection of the first.
            if target.write(&lines(&["one", "two"])).is_err() {
                target.write(&lines(&["one", "two"])).expect("sent");
            }
            for text in ["one", "two"] {
                let mut buffer = [0; 100];
                let length = log.recv(&mut buffer).expect("received");
                let message = std::str::from_utf8(&buffer[..length]).expect("UTF-8");
                assert!(message.starts_with("<86>ampoule[") && message.ends_with(&format!("]: {text}")), "{message}");
            }
            fs::remove_file(&socket).expect("removed");
        }
    }
}
