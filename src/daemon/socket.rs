//! The unix socket: given by systemd, or made here.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use listenfd::ListenFd;
use nix::sys::socket::{Backlog, listen};

use super::Error;

/// The name of a socket that was made here; removed when dropped.
pub(super) struct Name(Option<PathBuf>);

/// The socket before anybody can call.
pub(super) enum Place<'a> {
    Passed(UnixListener),
    Path(&'a Path),
}

/// Takes the socket that systemd passed (`sd_listen_fds`(3)), or makes the folder for one.
pub(super) fn find(path: &Path) -> Result<Place<'_>, Error> {
    let passed = ListenFd::from_env().take_unix_listener(0);
    if let Some(listener) = passed.map_err(|error| Error::Activation { reason: error.to_string() })? {
        return Ok(Place::Passed(listener));
    }
    let failed = |error: io::Error| Error::Socket { path: path.to_owned(), reason: error.to_string() };
    if let Some(folder) = path.parent().filter(|folder| !folder.exists()) {
        DirBuilder::new().recursive(true).create(folder).map_err(failed)?;
        // Our umask hides what we make; others must reach the socket, whose own mode decides who may connect.
        fs::set_permissions(folder, Permissions::from_mode(0o755)).map_err(failed)?;
    }
    Ok(Place::Path(path))
}

impl Place<'_> {
    /// The folder in which a socket is made.
    pub(super) fn folder(&self) -> Option<&Path> {
        match self {
            Self::Passed(_) => None,
            Self::Path(path) => path.parent(),
        }
    }

    /// Listens; on a socket that is made here with mode 0660.
    pub(super) fn bind(self) -> Result<(UnixListener, Name), Error> {
        let (listener, name) = match self {
            Self::Passed(listener) => (listener, Name(None)),
            Self::Path(path) => make(path)?,
        };
        listener.set_nonblocking(true).map_err(Error::Runtime)?;
        Ok((listener, name))
    }
}

fn make(path: &Path) -> Result<(UnixListener, Name), Error> {
    let failed = |error: io::Error| Error::Socket { path: path.to_owned(), reason: error.to_string() };
    clear(path)?;
    let listener = UnixListener::bind(path).map_err(failed)?;
    // The library's own backlog is short, and who finds it full is refused.
    listen(&listener, Backlog::MAXCONN).map_err(|errno| failed(errno.into()))?;
    let name = Name(Some(path.to_owned()));
    fs::set_permissions(path, Permissions::from_mode(0o660)).map_err(failed)?;
    Ok((listener, name))
}

/// Removes a socket that a killed daemon left; anything else there is not ours to remove.
fn clear(path: &Path) -> Result<(), Error> {
    let failed = |reason: String| Error::Socket { path: path.to_owned(), reason };
    let meta = match fs::symlink_metadata(path) {
        Ok(meta) => meta,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error.to_string())),
    };
    if !meta.file_type().is_socket() {
        return Err(failed("something else is there".to_owned()));
    }
    if UnixStream::connect(path).is_ok() {
        return Err(Error::SocketInUse { path: path.to_owned() });
    }
    fs::remove_file(path).map_err(|error| failed(error.to_string()))
}

impl Drop for Name {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            // The next start clears it if this fails.
            let _ = fs::remove_file(path);
        }
    }
}
