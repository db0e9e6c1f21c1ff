//! Copying between this machine and a container.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::thread;

use ampoule_proto::call::Sending;
use ampoule_proto::messages::ampoule::v1::upload_request::Content as Said;
use ampoule_proto::messages::ampoule::v1::upload_response::Content as Answer;
use ampoule_proto::messages::ampoule::v1::{
    DownloadRequest, DownloadResponse, Place, Target, UploadRequest, UploadResponse,
};
use buffa::MessageField;
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;

use super::super::CliError;
use super::super::client::{Client, method};
use super::{HEARTBEAT, pack, unpack};

/// The most bytes of one message.
const PART: usize = 64 << 10;

/// Files of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) struct ContainerFiles {
    /// The instance.
    pub(in crate::cli) instance: String,
    /// The container; empty where there is one.
    pub(in crate::cli) container: String,
    /// The path as it was written.
    pub(in crate::cli) path: String,
}

/// Which way something is copied, by the words of a command line.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::cli) enum Copying<'a> {
    /// From here to `WHERE:PATH`.
    In { local: &'a str, place: &'a str, path: &'a str },
    /// From `WHERE:PATH` to here.
    Out { place: &'a str, path: &'a str, local: &'a str },
}

impl<'a> Copying<'a> {
    /// One of the two has a place before a colon; what begins with `/` or `.` is of this machine.
    pub(in crate::cli) fn of(source: &'a str, destination: &'a str) -> Result<Self, CliError> {
        let place = |text: &'a str| text.split_once(':').filter(|_| !text.starts_with(['/', '.']));
        match (place(source), place(destination)) {
            (None, Some((place, path))) => Ok(Self::In { local: source, place, path }),
            (Some((place, path)), None) => Ok(Self::Out { place, path, local: destination }),
            _ => Err(CliError::Place(
                "expected a path here and one in a container, such as ./file and NAME:/path, in either order"
                    .to_owned(),
            )),
        }
    }
}

impl ContainerFiles {
    /// The path without what only says how to copy.
    fn wire(&self) -> Place {
        let path = self.path.strip_suffix("/.").unwrap_or(&self.path);
        let path = if path.is_empty() && self.wants_content() { "/" } else { path };
        Place { instance_id: self.instance.clone(), container_name: self.container.clone(), path: path.to_owned() }
    }

    /// Whether what is in the folder is meant, not the folder.
    fn wants_content(&self) -> bool {
        self.path.ends_with("/.")
    }

    fn name(&self) -> Option<OsString> {
        Path::new(&self.wire().path).file_name().map(ToOwned::to_owned)
    }
}

/// Copies a file or folder into a container, or unpacks standard input there if it is `-`.
pub(in crate::cli) fn upload(client: &Client, local: &str, to: &ContainerFiles) -> Result<(), CliError> {
    let first = UploadRequest { content: Some(to.wire().into()) };
    client.duplex(method::UPLOAD, &first, async |sending, mut answers| {
        let target = loop {
            let answer: UploadResponse = answers.next().await?.ok_or(CliError::Answer { what: "target" })?;
            if let Some(Answer::Target(target)) = answer.content {
                break *target;
            }
        };
        let mut packed = begin(local, to, &target, sending.clone())?;
        let mut sending = Some(sending);
        loop {
            tokio::select! {
                done = &mut packed, if sending.is_some() => {
                    done.unwrap_or_else(|_| Err(io::ErrorKind::BrokenPipe.into()))
                        .map_err(|error| CliError::Read { path: local.into(), error })?;
                    if let Some(sending) = sending.take() {
                        let _ = sending.end().await;
                    }
                }
                answer = answers.next() => match answer? {
                    Some(UploadResponse { content: Some(Answer::Done(_)) }) => return Ok(()),
                    Some(UploadResponse { .. }) => {}
                    None => return Err(CliError::Answer { what: "end" }),
                },
                () = sleep(HEARTBEAT) => {
                    if let Some(sending) = &sending {
                        let _ = sending.send(&UploadRequest::default()).await;
                    }
                }
            }
        }
    })
}

/// Has a thread make the archive and send it.
fn begin(
    local: &str,
    to: &ContainerFiles,
    target: &Target,
    sending: Sending<UploadRequest>,
) -> Result<oneshot::Receiver<io::Result<()>>, CliError> {
    let no_folder = || CliError::Place(format!("{}: there is no such folder in the container", to.path));
    if !target.is_named && (to.path.ends_with('/') || to.wants_content() || local == "-") {
        return Err(no_folder());
    }
    let (said, packed) = oneshot::channel();
    let mut parts = Parts { sending, buffer: Vec::with_capacity(PART) };
    if local == "-" {
        thread::spawn(move || said.send(io::copy(&mut io::stdin(), &mut parts).and_then(|_| parts.flush())));
        return Ok(packed);
    }
    let name = if target.is_named { name_of(local) } else { to.name() };
    let path = PathBuf::from(local);
    // What is not there is said here, before anything is sent.
    path.metadata().map_err(|error| CliError::Read { path: path.clone(), error })?;
    thread::spawn(move || said.send(pack::pack(&path, name.as_deref(), &mut parts).and_then(|()| parts.flush())));
    Ok(packed)
}

/// What a file is called; nothing if what is in the folder is meant.
fn name_of(local: &str) -> Option<OsString> {
    if local.ends_with("/.") { None } else { Path::new(local).file_name().map(ToOwned::to_owned) }
}

/// Sends what is written.
struct Parts {
    sending: Sending<UploadRequest>,
    buffer: Vec<u8>,
}

impl Write for Parts {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.buffer.len() == PART {
            self.flush()?;
        }
        let count = bytes.len().min(PART - self.buffer.len());
        self.buffer.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let data = std::mem::replace(&mut self.buffer, Vec::with_capacity(PART));
        let sent = self.sending.send_blocking(&UploadRequest { content: Some(Said::Data(data)) });
        sent.map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

/// Copies a file or folder out of a container, or its archive to standard output if `local` is `-`.
pub(in crate::cli) fn download(client: &Client, from: &ContainerFiles, local: &str) -> Result<(), CliError> {
    let destination = match local {
        "-" => None,
        local => Some(unpack::Destination::find(Path::new(local), from.name().filter(|_| !from.wants_content()))?),
    };
    let first = DownloadRequest { start: MessageField::some(from.wire()) };
    client.duplex(method::DOWNLOAD, &first, async |sending, mut answers| {
        let (parts, queue) = mpsc::channel(4);
        let (said, mut unpacked) = oneshot::channel();
        let mut queue = Queue { parts: queue, part: Vec::new(), read: 0 };
        thread::spawn(move || {
            let done = match destination {
                Some(destination) => unpack::unpack(&mut queue, &destination),
                None => io::copy(&mut queue, &mut io::stdout()).map(|_| ()),
            };
            // What comes after the archive's end is nothing, and taken all the same.
            said.send(done.and_then(|()| io::copy(&mut queue, &mut io::sink()).map(|_| ())))
        });
        let mut parts = Some(parts);
        loop {
            tokio::select! {
                done = &mut unpacked => {
                    let done = done.unwrap_or_else(|_| Err(io::ErrorKind::BrokenPipe.into()));
                    return done.map_err(|error| match local {
                        "-" => CliError::Output(error),
                        local => CliError::Write { path: local.into(), error },
                    });
                }
                answer = answers.next(), if parts.is_some() => match answer? {
                    Some(DownloadResponse { data }) => {
                        if let Some(queue) = parts.as_ref().filter(|_| !data.is_empty()) {
                            // An error is that the other end has failed, and says so.
                            let _ = queue.send(data).await;
                        }
                    }
                    None => parts = None,
                },
                () = sleep(HEARTBEAT) => {
                    let _ = sending.send(&DownloadRequest::default()).await;
                }
            }
        }
    })
}

/// Reads what has come.
struct Queue {
    parts: mpsc::Receiver<Vec<u8>>,
    part: Vec<u8>,
    read: usize,
}

impl Read for Queue {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.read == self.part.len() {
            (self.part, self.read) = (self.parts.blocking_recv().unwrap_or_default(), 0);
        }
        let count = buffer.len().min(self.part.len() - self.read);
        buffer[..count].copy_from_slice(&self.part[self.read..self.read + count]);
        self.read += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_colon_says_which_way() {
        assert_eq!(Copying::of("a", "b:/c").expect("in"), Copying::In { local: "a", place: "b", path: "/c" });
        assert_eq!(Copying::of("b:/c", "./a:b").expect("out"), Copying::Out { place: "b", path: "/c", local: "./a:b" });
        assert!(Copying::of("a", "b").is_err() && Copying::of("a:/b", "c:/d").is_err());
    }

    #[test]
    fn a_dot_at_the_end_means_what_is_in_it() {
        let files = |path: &str| ContainerFiles {
            instance: "inst-a".to_owned(),
            container: String::new(),
            path: path.to_owned(),
        };
        assert_eq!((files("/a/.").wire().path.as_str(), files("/.").wire().path.as_str()), ("/a", "/"));
        assert_eq!((name_of("a/."), name_of("."), name_of("a/b/")), (None, None, Some("b".into())));
    }
}
