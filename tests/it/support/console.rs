//! The receiving end of `--console-socket`.

use std::fs::File;
use std::io::{IoSliceMut, Read};
use std::mem::MaybeUninit;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};

/// A socket on which a runtime hands over a container's terminal.
pub(crate) struct Console {
    path: PathBuf,
    listener: UnixListener,
}

impl Console {
    pub(crate) fn listen(folder: &Path) -> Self {
        let path = folder.join("console.sock");
        let listener = UnixListener::bind(&path).expect("console socket");
        Self { path, listener }
    }

    pub(crate) fn path(&self) -> &str {
        self.path.to_str().expect("UTF-8")
    }

    /// The terminal's master side. To be called once the runtime has sent it.
    pub(crate) fn receive(&self) -> File {
        self.listener.set_nonblocking(true).expect("socket");
        let (sender, _) = self.listener.accept().expect("the runtime connected to the console socket");
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let mut name = [0; 4096];
        recvmsg(&sender, &mut [IoSliceMut::new(&mut name)], &mut ancillary, RecvFlags::empty()).expect("message");
        let handed_over = ancillary.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut fds) => fds.next(),
            _ => None,
        });
        File::from(handed_over.expect("the runtime sent a terminal"))
    }
}

/// All that a container writes to its terminal until it ends.
pub(crate) fn read_to_hangup(mut terminal: File) -> String {
    let mut text = Vec::new();
    let mut part = [0; 4096];
    // The master side of a terminal fails with EIO when the other side is closed.
    while let Ok(read @ 1..) = terminal.read(&mut part) {
        text.extend_from_slice(&part[..read]);
    }
    String::from_utf8_lossy(&text).into_owned()
}
