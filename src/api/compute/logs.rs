//! `namespace.cloud.compute.v1beta.ObservabilityService`.

use std::time::Duration;

use ampoule_proto::messages::namespace::cloud::compute::v1beta::log_block::Line;
use ampoule_proto::messages::namespace::cloud::compute::v1beta::{
    FetchInstanceLogsRequest, FetchInstanceLogsResponse, LogBlock, StreamInstanceLogsRequest,
};
use ampoule_proto::services::compute_v1beta::ObservabilityService;
use connectrpc::{ConnectError, RequestContext, Response, ServiceRequest, ServiceResult, ServiceStream};

use super::super::convert::{field, timestamp};
use super::super::stopping::{PATIENCE, Stopping};
use super::super::{error::connect_error, principal};
use super::{HEARTBEAT, Sender};
use crate::authz::Principal;
use crate::domain::{InstanceId, Timestamp};
use crate::engine::{Frame, Session};
use crate::instances::Instances;

/// The most bytes of all lines in one answer.
const MOST_BYTES: usize = 16 << 20;
/// The longest line; what is longer is told in parts.
const LONGEST_LINE: usize = 64 << 10;

pub(in crate::api) struct LogApi {
    instances: Instances,
    stopping: Stopping,
}

impl LogApi {
    pub(in crate::api) fn new(instances: Instances, stopping: Stopping) -> Self {
        Self { instances, stopping }
    }

    async fn sessions(
        &self,
        principal: &Principal,
        id: &str,
        follow: bool,
    ) -> Result<Vec<(String, Session)>, ConnectError> {
        let id: InstanceId = field("instance_id", id)?;
        self.instances.logs(principal, &id, follow).await.map_err(|error| connect_error(&error))
    }
}

impl ObservabilityService for LogApi {
    async fn stream_instance_logs(
        &self,
        context: RequestContext,
        request: ServiceRequest<'_, StreamInstanceLogsRequest>,
    ) -> ServiceResult<ServiceStream<LogBlock>> {
        let principal = principal(&context)?;
        let sessions = self.sessions(&principal, request.instance_id, request.follow).await?;
        let (sender, receiver) = tokio::sync::mpsc::channel(16);
        for (name, session) in sessions {
            tokio::spawn(tell(name, session, sender.clone()));
        }
        let patience = if request.follow { Duration::ZERO } else { PATIENCE };
        Response::ok(self.stopping.stream(receiver, patience, self.instances.until_ended(&principal)))
    }

    async fn fetch_instance_logs(
        &self,
        context: RequestContext,
        request: ServiceRequest<'_, FetchInstanceLogsRequest>,
    ) -> ServiceResult<FetchInstanceLogsResponse> {
        let principal = principal(&context)?;
        let mut answer = FetchInstanceLogsResponse::default();
        let mut bytes = 0;
        for (name, mut session) in self.sessions(&principal, request.instance_id, false).await? {
            let (mut lines, mut block) = (Lines::default(), block(&name, Vec::new()));
            loop {
                let frame = session.next().await.map_err(|error| ConnectError::unavailable(error.to_string()))?;
                let is_end = matches!(frame, Frame::Exit(_));
                let before = block.lines.len();
                block.lines.extend(lines.take(frame));
                // A line costs something, however short.
                bytes += block.lines[before..].iter().map(|line| line.content.len() + 64).sum::<usize>();
                if bytes > MOST_BYTES {
                    return Err(ConnectError::resource_exhausted(
                        "there are more than 16 MiB of lines: call StreamInstanceLogs",
                    ));
                }
                if is_end {
                    break;
                }
            }
            answer.log_block.push(block);
        }
        Response::ok(answer)
    }
}

async fn tell(name: String, mut session: Session, to: Sender<LogBlock>) {
    let mut lines = Lines::default();
    loop {
        let frame = tokio::select! {
            frame = session.next() => frame,
            () = tokio::time::sleep(HEARTBEAT) => Ok(Frame::Stdin(Vec::new())),
            () = to.closed() => return,
        };
        let (message, is_end) = match frame {
            Ok(frame) => {
                let is_end = matches!(frame, Frame::Exit(_));
                let is_heartbeat = matches!(frame, Frame::Stdin(_));
                let found = lines.take(frame);
                if found.is_empty() && !is_heartbeat {
                    if is_end {
                        return;
                    }
                    continue;
                }
                (Ok(block(&name, found)), is_end)
            }
            Err(error) => (Err(ConnectError::unavailable(error.to_string())), true),
        };
        if to.send(message).await.is_err() || is_end {
            return;
        }
    }
}

fn block(name: &str, lines: Vec<Line>) -> LogBlock {
    let labels = [("container".to_owned(), name.to_owned())].into_iter().collect();
    LogBlock { labels, lines }
}

/// What came of a line whose end has not come yet, for each stream.
#[derive(Default)]
struct Lines {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

impl Lines {
    /// The lines that a frame completes.
    fn take(&mut self, frame: Frame) -> Vec<Line> {
        match frame {
            Frame::Stdout(data) => complete(&mut self.stdout, &data, "stdout"),
            Frame::Stderr(data) => complete(&mut self.stderr, &data, "stderr"),
            Frame::Exit(_) => [(&mut self.stdout, "stdout"), (&mut self.stderr, "stderr")]
                .into_iter()
                .filter(|(rest, _)| !rest.is_empty())
                .map(|(rest, stream)| line(&std::mem::take(rest), stream))
                .collect(),
            Frame::Stdin(_) | Frame::Resize(_) | Frame::Refused(_) => Vec::new(),
        }
    }
}

fn complete(rest: &mut Vec<u8>, data: &[u8], stream: &str) -> Vec<Line> {
    rest.extend_from_slice(data);
    let mut lines = Vec::new();
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let whole: Vec<u8> = rest.drain(..=end).collect();
        lines.push(line(&whole[..end], stream));
    }
    if rest.len() > LONGEST_LINE {
        lines.push(line(&std::mem::take(rest), stream));
    }
    lines
}

/// A line with its time before it, as engines tell it.
fn line(bytes: &[u8], stream: &str) -> Line {
    let text = String::from_utf8_lossy(bytes);
    let text = text.strip_suffix('\r').unwrap_or(&text);
    let timed = text.split_once(' ').and_then(|(at, rest)| Some((at.parse::<Timestamp>().ok()?, rest)));
    let bare = || text.parse::<Timestamp>().ok().map(|at| (at, ""));
    let (at, content) = match timed.or_else(bare) {
        Some((at, content)) => (Some(at), content),
        None => (None, text),
    };
    Line { timestamp: at.map(timestamp).into(), content: content.to_owned(), stream: stream.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_whole_and_have_their_time() {
        let mut lines = Lines::default();
        assert!(lines.take(Frame::Stdout(b"2026-01-02T03:04:05.1Z hel".to_vec())).is_empty());
        let found = lines.take(Frame::Stdout(b"lo\nno time\n2026-01-02T03:04:05+01:00 ".to_vec()));
        assert_eq!(found.iter().map(|line| line.content.as_str()).collect::<Vec<_>>(), ["hello", "no time"]);
        assert!(found[0].timestamp.as_option().is_some() && found[1].timestamp.as_option().is_none());
        let last = lines.take(Frame::Exit(0));
        assert_eq!((last[0].content.as_str(), last[0].stream.as_str()), ("", "stdout"));
    }
}
