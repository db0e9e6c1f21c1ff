//! Instances: groups of containers that the daemon has started.

use askama::Template;
use http::StatusCode;

use super::super::Desk;
use super::super::answer::{Answer, go_to, leave_for, nothing, page, page_with};
use super::super::error::Fault;
use super::super::frame::Frame;
use super::super::text::{self, When, encoded, short};
use super::super::visit::Fields;
use super::logs::{self, Logs};
use crate::authz::{Action, Resource};
use crate::domain::{Instance, InstanceId, Status};
use crate::vault::{Error, InstanceQuery, InstanceRefusal};

const ROWS: usize = 50;

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
    state: State,
    /// What it is called, if it is a devbox that is still to be found by that.
    devbox: Option<String>,
    purpose: String,
    containers: usize,
    made: When,
    by: String,
    deadline: Option<When>,
}

/// How far an instance is, and why.
pub(super) struct State {
    pub(super) status: &'static str,
    /// How it is marked.
    pub(super) kind: &'static str,
    pub(super) reason: String,
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
    logs: Option<Logs>,
    may_destroy: bool,
    /// Whether anything may still become of it.
    is_over: bool,
    lives: bool,
}

struct Member {
    name: String,
    container: String,
    secrets: Vec<String>,
    ports: Vec<String>,
}

impl From<&Instance> for State {
    fn from(instance: &Instance) -> Self {
        Self {
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
        }
    }
}

impl From<&Instance> for Row {
    fn from(instance: &Instance) -> Self {
        let devbox = instance.devbox.as_ref().filter(|_| !instance.status.is_over());
        Self {
            id: instance.id.to_string(),
            state: State::from(instance),
            devbox: devbox.map(|devbox| devbox.name.to_string()),
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
    one(desk, &id(text)?, StatusCode::OK, String::new()).await
}

async fn one(desk: &Desk<'_>, id: &InstanceId, status: StatusCode, error: String) -> Result<Answer, Fault> {
    let instance = desk.dashboard.instances.describe(&desk.principal, id).await?;
    let is_over = instance.status.is_over();
    let may_destroy = desk.may(Action::DestroyInstance, Resource::Instance(id, Some(&instance.labels)));
    let page = One {
        frame: desk.frame(id.as_str(), "Instances"),
        error,
        row: Row::from(&instance),
        labels: instance.labels.iter().map(text::label).collect(),
        ended: instance.destroyed_at.map(When::new),
        members: instance.members.iter().map(member).collect(),
        logs: logs::of(desk, &instance).await,
        may_destroy: may_destroy && !is_over,
        is_over,
        lives: instance.status == Status::Running,
    };
    page_with(status, &page)
}

/// What an open page asks again and again: nothing, unless the state is another one than the page shows. What it has asked
/// first is in the log, and this is not.
pub(in crate::dashboard) async fn watch(desk: &Desk<'_>, text: &str) -> Result<Answer, Fault> {
    let (id, query) = (id(text)?, desk.visit.query());
    let instance = desk.dashboard.instances.look(&id).await;
    let instance = match instance {
        Ok(found) if desk.may(Action::DescribeInstance, Resource::Instance(&id, Some(&found.labels))) => found,
        // Who may not is refused like anybody who asks for the first time.
        _ => desk.dashboard.instances.describe(&desk.principal, &id).await?,
    };
    if query.get("was") == instance.status.as_str() {
        return Ok(nothing());
    }
    Ok(match instance.devbox.filter(|_| query.get("page") == "devbox" && !instance.status.is_over()) {
        Some(devbox) => leave_for(&format!("/ui/devboxes/{}", devbox.name)),
        None => leave_for(&format!("/ui/instances/{id}")),
    })
}

pub(in crate::dashboard) async fn follow(desk: &Desk<'_>, text: &str) -> Result<Answer, Fault> {
    logs::follow(desk, &id(text)?).await
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

pub(in crate::dashboard) async fn destroy(desk: &Desk<'_>, text: &str, form: &Fields) -> Result<Answer, Fault> {
    let id = id(text)?;
    if form.get("sure") != "yes" {
        let error = "say that its containers may be removed: tick the box beside the button";
        return one(desk, &id, StatusCode::BAD_REQUEST, error.to_owned()).await;
    }
    let reason = "destroyed in the dashboard".to_owned();
    match desk.dashboard.instances.destroy(&desk.principal, &id, reason).await {
        Ok(()) => Ok(go_to(&format!("/ui/instances/{id}"))),
        Err(Error::Instance(error @ (InstanceRefusal::State { .. } | InstanceRefusal::Engine(_)))) => {
            one(desk, &id, StatusCode::CONFLICT, error.to_string()).await
        }
        Err(error) => Err(error.into()),
    }
}
