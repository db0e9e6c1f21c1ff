//! Files into and out of containers, as tar archives.

use ampoule_proto::messages::ampoule::v1::upload_request::Content as Said;
use ampoule_proto::messages::ampoule::v1::upload_response::Content as Answer;
use ampoule_proto::messages::ampoule::v1::{
    DownloadRequest, DownloadResponse, Place as WirePlace, Target, UploadRequest, UploadResponse,
};
use connectrpc::{ConnectError, ErrorCode, ServiceStream};
use tokio::time::sleep;

use super::super::compute::{HEARTBEAT, Sender};
use super::super::convert::field;
use super::super::error::connect_error;
use super::{lost, next};
use crate::authz::Principal;
use crate::domain::InstanceId;
use crate::domain::instance::FilePath;
use crate::engine::{Frame, Input, Output, Session};
use crate::instances::{Instances, Place, Upload};

/// The longest error message of an engine that is passed on.
const MOST_WORDS: usize = 4000;

pub(super) async fn start_upload(
    instances: &Instances,
    principal: &Principal,
    first: UploadRequest,
) -> Result<Upload, ConnectError> {
    let Some(Said::Start(start)) = first.content else {
        return Err(ConnectError::invalid_argument("start: it is missing: the first request says where to"));
    };
    let (id, place) = place(*start)?;
    instances.upload(principal, &id, place).await.map_err(|error| connect_error(&error))
}

/// Files that are being read.
pub(super) struct Download {
    session: Session,
    path: String,
}

pub(super) async fn start_download(
    instances: &Instances,
    principal: &Principal,
    first: DownloadRequest,
) -> Result<Download, ConnectError> {
    let start = first.start.into_option();
    let start = start
        .ok_or_else(|| ConnectError::invalid_argument("start: it is missing: the first request says which files"))?;
    let (id, place) = place(start)?;
    let path = place.path.as_str().to_owned();
    let session = instances.download(principal, &id, place).await.map_err(|error| connect_error(&error))?;
    Ok(Download { session, path })
}

fn place(wire: WirePlace) -> Result<(InstanceId, Place), ConnectError> {
    let path = wire.path.parse::<FilePath>();
    let path = path.map_err(|error| ConnectError::invalid_argument(format!("path: {error}")))?;
    Ok((field("instance_id", &wire.instance_id)?, Place { container: wire.container_name, path }))
}

/// Takes an archive and has it unpacked.
pub(super) async fn take(upload: Upload, mut requests: ServiceStream<UploadRequest>, to: Sender<UploadResponse>) {
    let Upload { mut session, folder, is_named } = upload;
    let target = Answer::from(Target { folder, is_named });
    if to.send(Ok(UploadResponse { content: Some(target) })).await.is_err() {
        return;
    }
    let (output, input) = session.split();
    let done = tokio::select! {
        done = until_unpacked(output, &to) => done,
        error = pass(&mut requests, input) => Err(error),
        () = to.closed() => return,
    };
    let _ = to.send(done.map(|()| UploadResponse { content: Some(Answer::Done(true)) })).await;
}

async fn until_unpacked(output: &mut Output, to: &Sender<UploadResponse>) -> Result<(), ConnectError> {
    let mut words = Vec::new();
    loop {
        tokio::select! {
            frame = output.next() => match frame.map_err(|error| lost(&error))? {
                Frame::Exit(0) => return Ok(()),
                Frame::Exit(_) => return Err(failed(&words)),
                Frame::Stderr(data) => keep(&mut words, &data),
                Frame::Stdin(_) | Frame::Stdout(_) | Frame::Resize(_) | Frame::Refused(_) => {}
            },
            () = sleep(HEARTBEAT) => {
                let _ = to.send(Ok(UploadResponse::default())).await;
            }
        }
    }
}

async fn pass(requests: &mut ServiceStream<UploadRequest>, input: &mut Input) -> ConnectError {
    loop {
        let data = match next(requests).await {
            Ok(Some(request)) => match request.content {
                Some(Said::Data(data)) if !data.is_empty() => data,
                Some(Said::Start(_)) => return ConnectError::invalid_argument("start: only the first request has it"),
                Some(Said::Data(_)) | None => continue,
            },
            Ok(None) => Vec::new(),
            Err(error) => return error,
        };
        let is_end = data.is_empty();
        if input.send(data).await.is_err() || is_end {
            // What came of it is told beside this.
            std::future::pending::<()>().await;
        }
    }
}

/// Gives an archive of what is there.
pub(super) async fn give(
    mut download: Download,
    mut requests: ServiceStream<DownloadRequest>,
    to: Sender<DownloadResponse>,
) {
    let ended = tokio::select! {
        ended = send(&mut download, &to) => ended,
        error = listen(&mut requests) => Err(error),
        () = to.closed() => return,
    };
    if let Err(error) = ended {
        let _ = to.send(Err(error)).await;
    }
}

async fn send(Download { session, path }: &mut Download, to: &Sender<DownloadResponse>) -> Result<(), ConnectError> {
    let mut words = Vec::new();
    loop {
        let data = tokio::select! {
            frame = session.next() => match frame.map_err(|error| lost(&error))? {
                Frame::Exit(0) => return Ok(()),
                Frame::Exit(_) if is_absent(&words) => {
                    return Err(ConnectError::not_found(format!("there is no {path} in the container")));
                }
                Frame::Exit(_) => return Err(failed(&words)),
                Frame::Stdout(data) => data,
                Frame::Stderr(data) => {
                    keep(&mut words, &data);
                    continue;
                }
                Frame::Stdin(_) | Frame::Resize(_) | Frame::Refused(_) => continue,
            },
            () = sleep(HEARTBEAT) => Vec::new(),
        };
        if to.send(Ok(DownloadResponse { data })).await.is_err() {
            return Ok(());
        }
    }
}

/// Sees that the caller is there, who has nothing more to say.
async fn listen(requests: &mut ServiceStream<DownloadRequest>) -> ConnectError {
    loop {
        match next(requests).await {
            Ok(Some(_)) => {}
            Ok(None) => std::future::pending().await,
            Err(error) => return error,
        }
    }
}

fn keep(words: &mut Vec<u8>, data: &[u8]) {
    words.extend_from_slice(&data[..data.len().min(MOST_WORDS - words.len())]);
}

fn failed(words: &[u8]) -> ConnectError {
    ConnectError::new(ErrorCode::FailedPrecondition, String::from_utf8_lossy(words).trim().to_owned())
}

/// Whether podman, or docker, says that there are no such files. Both name the container by an id that nobody asked for.
fn is_absent(words: &[u8]) -> bool {
    let words = String::from_utf8_lossy(words);
    ["could not be found on container", "No such container:path"].iter().any(|said| words.contains(said))
}
