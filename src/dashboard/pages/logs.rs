//! What containers print: the end of it on a page, and the rest as it comes.

use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;

use super::super::Desk;
use super::super::answer::{self, Answer, pieces};
use super::super::error::Fault;
use crate::domain::{Instance, InstanceId, Timestamp};
use crate::engine::{Frame as EngineFrame, Session};
use crate::vault::{Error, InstanceRefusal};

/// How much of what containers printed is on the page itself, in bytes.
const MOST_LOGS: usize = 64 << 10;

/// How often a byte is sent that shows nothing, so that a connection without any other is not closed.
const HEARTBEAT: Duration = Duration::from_secs(20);

/// What there is to show of what an instance's containers print.
pub(super) struct Logs {
    pub(super) instance: String,
    pub(super) text: String,
    /// Why it can't be had.
    pub(super) trouble: String,
}

/// The logs of an instance's containers, if it has any.
pub(super) async fn of(desk: &Desk<'_>, instance: &Instance) -> Option<Logs> {
    let has_containers = instance.members.iter().any(|member| member.id.is_some());
    if !has_containers || instance.status.is_over() {
        return None;
    }
    let (text, trouble) = match printed(desk, &instance.id).await {
        Ok(text) => (text, String::new()),
        Err(error) => (String::new(), error.to_string()),
    };
    Some(Logs { instance: instance.id.to_string(), text, trouble })
}

/// The end of what the containers have printed so far.
async fn printed(desk: &Desk<'_>, id: &InstanceId) -> Result<String, Error> {
    let mut all = Vec::new();
    for (name, mut session) in desk.dashboard.instances.logs(&desk.principal, id, false).await? {
        let mut lines = Lines::new(name);
        loop {
            match session.next().await {
                Ok(EngineFrame::Exit(_)) => {
                    if !lines.rest.is_empty() {
                        all.extend(lines.line());
                    }
                    break;
                }
                Ok(EngineFrame::Stdout(data) | EngineFrame::Stderr(data)) => all.extend(lines.take(&data)),
                Ok(_) => {}
                Err(error) => return Err(Error::Instance(InstanceRefusal::Engine(error.to_string()))),
            }
            if all.len() > 2 * MOST_LOGS {
                all.drain(..all.len() - MOST_LOGS);
            }
        }
    }
    all.drain(..all.len().saturating_sub(MOST_LOGS));
    Ok(String::from_utf8_lossy(&all).into_owned())
}

/// The same as it comes, until the browser goes or the containers end.
pub(super) async fn follow(desk: &Desk<'_>, id: &InstanceId) -> Result<Answer, Fault> {
    let sessions = desk.dashboard.instances.logs(&desk.principal, id, true).await?;
    let (to, from) = mpsc::channel(8);
    for (name, session) in sessions {
        tokio::spawn(tell(Lines::new(name), session, to.clone()));
    }
    Ok(pieces(answer::TEXT, None, from))
}

async fn tell(mut lines: Lines, mut session: Session, to: mpsc::Sender<Bytes>) {
    loop {
        let frame = tokio::select! {
            frame = session.next() => frame,
            () = tokio::time::sleep(HEARTBEAT) => Ok(EngineFrame::Stdout(vec![0])),
            () = to.closed() => return,
        };
        match frame {
            Ok(EngineFrame::Stdout(data)) if data == [0] => {
                if to.send(Bytes::from_static(&[0])).await.is_err() {
                    return;
                }
            }
            Ok(EngineFrame::Stdout(data) | EngineFrame::Stderr(data)) => {
                let told = lines.take(&data);
                if !told.is_empty() && to.send(told.into()).await.is_err() {
                    return;
                }
            }
            Ok(EngineFrame::Exit(_)) | Err(_) => return,
            Ok(_) => {}
        }
    }
}

/// Makes whole lines of what a container prints, with its name and the time before each.
struct Lines {
    name: String,
    rest: Vec<u8>,
}

impl Lines {
    /// The longest line; what is longer is told in parts.
    const LONGEST: usize = 16 << 10;

    fn new(name: String) -> Self {
        Self { name, rest: Vec::new() }
    }

    /// The lines that end in this.
    fn take(&mut self, data: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(data.len() + 64);
        for part in data.split_inclusive(|byte| *byte == b'\n') {
            self.rest.extend_from_slice(part);
            if part.ends_with(b"\n") || self.rest.len() > Self::LONGEST {
                out.extend(self.line());
            }
        }
        out
    }

    /// What is there of a line. The engine begins each with the time, to the nanosecond.
    fn line(&mut self) -> Vec<u8> {
        let line = std::mem::take(&mut self.rest);
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end_matches('\n');
        let stamped = text.split_once(' ').and_then(|(at, text)| Some((at.parse::<Timestamp>().ok()?, text)));
        let name = &self.name;
        let told = match stamped {
            Some((at, text)) => format!("{name} | {at:.0} {text}\n"),
            None => format!("{name} | {text}\n"),
        };
        told.into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_has_its_containers_name_and_time_once() {
        let mut lines = Lines::new("web".to_owned());
        let parts = [b"2026-11-29T07:39:29.153517368Z a\nnot".as_slice(), b" a time\n", b"\n", b"rest"];
        let told = parts.map(|data| String::from_utf8(lines.take(data)).expect("UTF-8"));
        assert_eq!(told, ["web | 2026-11-29T07:39:29Z a\n", "web | not a time\n", "web | \n", ""]);
        assert_eq!(lines.line(), b"web | rest\n");
    }
}
