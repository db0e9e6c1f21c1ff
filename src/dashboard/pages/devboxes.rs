//! Devboxes: instances that people work in, which stop and start.

use askama::Template;
use http::StatusCode;

use super::super::Desk;
use super::super::answer::{Answer, go_to, page, page_with};
use super::super::error::Fault;
use super::super::frame::Frame;
use super::super::text::{When, short};
use super::super::visit::Fields;
use super::instances::State;
use super::logs::{self, Logs};
use crate::authz::{Action, Resource};
use crate::domain::devbox::{Devbox, DevboxName};
use crate::domain::{Instance, Status};
use crate::vault::{Error, InstanceRefusal};

#[derive(Template)]
#[template(path = "devboxes.html")]
struct Devboxes {
    frame: Frame,
    /// Whether one was just removed.
    expired: bool,
    rows: Vec<Row>,
    more: usize,
}

/// The most rows of a page.
const ROWS: usize = 500;

struct Row {
    name: String,
    state: State,
    size: String,
    image: String,
    repository: String,
    made: When,
    by: String,
}

#[derive(Template)]
#[template(path = "devbox.html")]
struct One {
    frame: Frame,
    error: String,
    row: Row,
    instance: String,
    container: String,
    directory: String,
    ephemeral: bool,
    note: String,
    /// The variables that are secrets, and which.
    secrets: Vec<(String, String)>,
    logs: Option<Logs>,
    lives: bool,
    may_stop: bool,
    may_start: bool,
    /// Whether it would have to be given secrets that its viewer can't have given to it.
    lacks_secrets: bool,
    may_expire: bool,
}

impl Row {
    fn new(instance: &Instance, devbox: &Devbox) -> Self {
        let limits = match (instance.cpus, instance.memory) {
            (Some(cpus), Some(memory)) => format!(": {cpus} CPU{}, {memory} MiB", if cpus == 1 { "" } else { "s" }),
            _ => String::new(),
        };
        let repository = devbox.repository.as_ref().map(|repository| match &repository.reference {
            Some(reference) => format!("{} at {reference}", repository.url),
            None => repository.url.to_string(),
        });
        Self {
            name: devbox.name.to_string(),
            state: State::from(instance),
            size: format!("{}{limits}", devbox.size),
            image: devbox.image.to_string(),
            repository: repository.unwrap_or_default(),
            made: When::new(instance.created_at),
            by: instance.creator.to_string(),
        }
    }
}

pub(in crate::dashboard) async fn list(desk: &Desk<'_>) -> Result<Answer, Fault> {
    let mut found = desk.dashboard.instances.list_devboxes(&desk.principal).await?;
    found.reverse();
    let rows = found.iter().take(ROWS).filter_map(|instance| Some(Row::new(instance, instance.devbox.as_ref()?)));
    page(&Devboxes {
        frame: desk.frame("Devboxes", "Devboxes"),
        expired: desk.visit.query().get("done") == "expired",
        rows: rows.collect(),
        more: found.len().saturating_sub(ROWS),
    })
}

fn name(text: &str) -> Result<DevboxName, Fault> {
    text.parse().map_err(|_| Fault::NotFound)
}

pub(in crate::dashboard) async fn show(desk: &Desk<'_>, text: &str) -> Result<Answer, Fault> {
    one(desk, &name(text)?, StatusCode::OK, String::new()).await
}

async fn one(desk: &Desk<'_>, name: &DevboxName, status: StatusCode, error: String) -> Result<Answer, Fault> {
    let instances = &desk.dashboard.instances;
    let instance = instances.describe_devbox(&desk.principal, name).await?;
    let Some(devbox) = &instance.devbox else { return Err(Fault::NotFound) };
    let resource = Resource::Instance(&instance.id, Some(&instance.labels));
    let (stopped, may_update) = (instance.status == Status::Suspended, desk.may(Action::UpdateInstance, resource));
    let could_start = stopped && may_update && instances.could_start(&desk.principal, &instance).await?;
    let container = instance.members.first().and_then(|member| member.id.as_deref());
    let secrets = devbox.secrets.iter().map(|(name, reference)| (name.to_string(), reference.object.to_string()));
    let page = One {
        frame: desk.frame(name.as_str(), "Devboxes"),
        error,
        row: Row::new(&instance, devbox),
        instance: instance.id.to_string(),
        container: container.map(short).unwrap_or_default(),
        directory: devbox.directory(),
        ephemeral: devbox.ephemeral,
        note: devbox.note_on_size(instance.cpus, instance.memory).unwrap_or_default(),
        secrets: secrets.collect(),
        logs: logs::of(desk, &instance).await,
        lives: instance.status == Status::Running,
        may_stop: instance.status == Status::Running && may_update,
        may_start: could_start,
        lacks_secrets: stopped && may_update && !could_start,
        may_expire: desk.may(Action::DestroyInstance, resource),
    };
    page_with(status, &page)
}

pub(in crate::dashboard) async fn stop(desk: &Desk<'_>, text: &str) -> Result<Answer, Fault> {
    let name = name(text)?;
    let stopped = desk.dashboard.instances.stop_devbox(&desk.principal, &name).await;
    done(desk, &name, stopped.map(drop), &format!("/ui/devboxes/{name}")).await
}

pub(in crate::dashboard) async fn start(desk: &Desk<'_>, text: &str) -> Result<Answer, Fault> {
    let name = name(text)?;
    let started = desk.dashboard.instances.start_devbox(&desk.principal, &name).await;
    done(desk, &name, started.map(drop), &format!("/ui/devboxes/{name}")).await
}

pub(in crate::dashboard) async fn expire(desk: &Desk<'_>, text: &str, form: &Fields) -> Result<Answer, Fault> {
    let name = name(text)?;
    if form.get("confirm").trim() != name.as_str() {
        let error = "type the devbox's name to remove it with its files".to_owned();
        return one(desk, &name, StatusCode::BAD_REQUEST, error).await;
    }
    let expired = desk.dashboard.instances.expire_devbox(&desk.principal, &name).await;
    done(desk, &name, expired, "/ui/devboxes?done=expired").await
}

/// What was not done is said on the page of the devbox.
async fn done(desk: &Desk<'_>, name: &DevboxName, result: Result<(), Error>, next: &str) -> Result<Answer, Fault> {
    match result {
        Ok(()) => Ok(go_to(next)),
        Err(
            error @ (Error::Unresolved(_)
            | Error::Instance(InstanceRefusal::State { .. } | InstanceRefusal::Engine(_) | InstanceRefusal::Off)),
        ) => one(desk, name, StatusCode::CONFLICT, error.to_string()).await,
        Err(error) => Err(error.into()),
    }
}
