//! Instances: groups of containers that the daemon has started.

use std::time::Duration;

use askama::Template;
use bytes::Bytes;
use tokio::sync::mpsc;

use super::super::Desk;
use super::super::answer::{self, Answer, go_to, page, pieces};
use super::super::error::Fault;
use super::super::frame::Frame;
use super::super::text::{self, When, encoded, short};
use super::super::visit::Fields;
use crate::authz::{Action, Resource};
use crate::domain::{Instance, InstanceId, Status, Timestamp};
use crate::engine::{Frame as EngineFrame, Session};
use crate::vault::{Error, InstanceQuery, InstanceRefusal};

const ROWS: usize = 50;
/// How much of what containers printed is on the page itself, in bytes.
const MOST_LOGS: usize = 64 << 10;

/// How often a byte is sent that shows nothing, so that a connection without any other is not closed.
const HEARTBEAT: Duration = Duration::from_secs(20);

#[derive(Template)]
#[template(path = "instances.html")]
struct Instances {
    frame: Frame,
    ended_too: bool,
    rows: Vec<Row>,
    is_first: bool,
    next: Option<String>,
}

struct Row {
    id: String,
    status: &'static str,
    kind: &'static str,
    reason: String,
    purpose: String,
    containers: usize,
    made: When,
    by: String,
    deadline: Option<When>,
}

#[derive(Template)]
#[template(path = "instance.html")]
struct One {
    frame: Frame,
    error: String,
    row: Row,
    labels: Vec<String>,
    ended: Option<When>,
    members: Vec<Member>,
    logs: Option<String>,
    may_destroy: bool,
    lives: bool,
}

struct Member {
    name: String,
    container: String,
    secrets: Vec<String>,
    ports: Vec<String>,
}

impl From<&Instance> for Row {
    fn from(instance: &Instance) -> Self {
        Self {
            id: instance.id.to_string(),
            status: instance.status.as_str(),
            kind: match instance.status {
                Status::Running => "ok",
                Status::Error => "bad",
                Status::Pending | Status::Creating | Status::Suspending | Status::Resuming | Status::Destroying => {
                    "warn"
                }
                Status::Destroyed | Status::Suspended => "plain",
            },
            reason: instance.reason.clone(),
            purpose: instance.purpose.clone(),
            containers: instance.members.len(),
            made: When::new(instance.created_at),
            by: instance.creator.to_string(),
            deadline: instance.deadline.filter(|_| !instance.status.is_over()).map(When::new),
        }
    }
}

pub(in crate::dashboard) async fn list(desk: &Desk<'_>) -> Result<Answer, Fault> {
    let fields = desk.visit.query();
    let ended_too = fields.get("show") == "all";
    let before: Option<InstanceId> = fields.get("before").parse().ok();
    let is_first = before.is_none();
    let instances = &desk.dashboard.instances;
    let query = InstanceQuery { ended_too, before, most: ROWS, ..InstanceQuery::default() };
    let found = instances.list(&desk.principal, query).await?;
    let next = found.next.map(|id| {
        let show = if ended_too { "all" } else { "" };
        format!("/ui/instances?{}", encoded(&[("before", id.as_str()), ("show", show)]))
    });
    page(&Instances {
        frame: desk.frame("Instances", "Instances"),
        ended_too,
        rows: found.instances.iter().map(Row::from).collect(),
        is_first,
        next,
    })
}

fn id(text: &str) -> Result<InstanceId, Fault> {
    text.parse().map_err(|_| Fault::NotFound)
}

pub(in crate::dashboard) async fn show(desk: &Desk<'_>, text: &str) -> Result<Answer, Fault> {
    one(desk, &id(text)?, String::new()).await
}

async fn one(desk: &Desk<'_>, id: &InstanceId, error: String) -> Result<Answer, Fault> {
    let instance = desk.dashboard.instances.describe(&desk.principal, id).await?;
    let has_containers = instance.members.iter().any(|member| member.id.is_some());
    let logs = if has_containers && !instance.status.is_over() { Some(printed(desk, id).await?) } else { None };
    let may_destroy = desk.may(Action::DestroyInstance, Resource::Instance(id, Some(&instance.labels)));
    let status = if error.is_empty() { http::StatusCode::OK } else { http::StatusCode::BAD_REQUEST };
    let page = One {
        frame: desk.frame(id.as_str(), "Instances"),
        error,
        row: Row::from(&instance),
        labels: instance.labels.iter().map(text::label).collect(),
        ended: instance.destroyed_at.map(When::new),
        members: instance.members.iter().map(member).collect(),
        logs,
        may_destroy: may_destroy && !instance.status.is_over(),
        lives: instance.status == Status::Running,
    };
    answer::page_with(status, &page)
}

fn member(member: &crate::domain::Member) -> Member {
    let port = |port: &crate::domain::Exported| match &port.host {
        Some((host, number)) => format!("{} at {host}:{number}", port.container),
        None => port.container.to_string(),
    };
    Member {
        name: member.name.clone(),
        container: member.id.as_deref().map(short).unwrap_or_default(),
        secrets: member.references.iter().map(|reference| reference.object.to_string()).collect(),
        ports: member.ports.iter().map(port).collect(),
    }
}

/// The end of what the containers have printed so far.
async fn printed(desk: &Desk<'_>, id: &InstanceId) -> Result<String, Fault> {
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
                Err(error) => return Err(Error::Instance(InstanceRefusal::Engine(error.to_string())).into()),
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
pub(in crate::dashboard) async fn follow(desk: &Desk<'_>, text: &str) -> Result<Answer, Fault> {
    let sessions = desk.dashboard.instances.logs(&desk.principal, &id(text)?, true).await?;
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

pub(in crate::dashboard) async fn destroy(desk: &Desk<'_>, text: &str, form: &Fields) -> Result<Answer, Fault> {
    let id = id(text)?;
    if form.get("sure") != "yes" {
        let error = "say that its containers may be removed: tick the box beside the button";
        return one(desk, &id, error.to_owned()).await;
    }
    let reason = "destroyed in the dashboard".to_owned();
    desk.dashboard.instances.destroy(&desk.principal, &id, reason).await?;
    Ok(go_to(&format!("/ui/instances/{id}")))
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
