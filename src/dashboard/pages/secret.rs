//! One secret.

use askama::Template;
use http::header::{HeaderName, HeaderValue};

use super::super::Desk;
use super::super::answer::{Answer, page};
use super::super::error::Fault;
use super::super::frame::Frame;
use super::super::text::{When, short};
use super::snippets::{Snippet, snippets};
use crate::authz::{Action, Resource};
use crate::domain::{Object, ObjectId};
use crate::vault::{Described, Disclosure, Usage, UsageFilter};

/// How long a value that was asked for is shown, in seconds.
const SHOWN: u32 = 30;

#[derive(Template)]
#[template(path = "secret.html")]
struct Secret {
    frame: Frame,
    done: &'static str,
    id: String,
    description: String,
    labels: Vec<(String, String)>,
    revealable: bool,
    version: String,
    stored: When,
    deleted: Option<When>,
    /// The value, for the one request that asked for it.
    value: Option<String>,
    shown: u32,
    versions: Vec<(String, When, bool)>,
    holders: Holders,
    snippets: Vec<Snippet>,
    may_set: bool,
    may_delete: bool,
    may_reveal: bool,
    may_see_log: bool,
}

/// The most containers that are listed beside something else.
const HOLDERS: usize = 50;

/// Containers that hold a version of a secret.
pub(super) struct Holders {
    pub(super) listed: Vec<Holder>,
    pub(super) all: usize,
    pub(super) object: String,
}

/// A container that holds a version.
pub(super) struct Holder {
    pub(super) container: String,
    pub(super) name: String,
    pub(super) engine: String,
    pub(super) image: String,
    pub(super) variables: String,
    pub(super) version: String,
    pub(super) is_stale: bool,
    pub(super) since: When,
    pub(super) runs: bool,
}

impl From<&Usage> for Holder {
    fn from(usage: &Usage) -> Self {
        Self {
            container: short(&usage.container.id),
            name: usage.container.name.clone(),
            engine: usage.container.engine.clone(),
            image: usage.container.image.clone(),
            variables: usage.names.join(", "),
            version: usage.version.to_string(),
            is_stale: usage.deleted || usage.version != usage.current,
            since: When::new(usage.since),
            runs: usage.runs,
        }
    }
}

/// The id in a path; one that makes no sense is of no secret.
pub(super) fn id(text: &str) -> Result<ObjectId, Fault> {
    text.parse().map_err(|_| Fault::NotFound)
}

pub(in crate::dashboard) async fn show(desk: &Desk<'_>, text: &str) -> Result<Answer, Fault> {
    let described = desk.vault().describe(&desk.principal, id(text)?, Disclosure::MetadataOnly).await?;
    page(&secret(desk, described).await?)
}

/// The same page with the value, for this once. It hides itself, with a script and without one.
pub(in crate::dashboard) async fn reveal(desk: &Desk<'_>, text: &str) -> Result<Answer, Fault> {
    let id = id(text)?;
    let described = desk.vault().describe(&desk.principal, id.clone(), Disclosure::ValueIfRevealable).await?;
    let mut answer = page(&secret(desk, described).await?)?;
    if let Ok(back) = HeaderValue::try_from(format!("{SHOWN}; url=/ui/secrets/{id}")) {
        answer.headers_mut().insert(HeaderName::from_static("refresh"), back);
    }
    Ok(answer)
}

/// Who holds a secret; for who may describe it.
pub(super) async fn holders(desk: &Desk<'_>, object: &Object) -> Result<Holders, Fault> {
    let filter = UsageFilter { object: Some(object.id.clone()), ..UsageFilter::default() };
    let mut found = desk.vault().usage(&desk.principal, filter).await?;
    found.sort_by_key(|usage| usage.version);
    let listed = found.iter().take(HOLDERS).map(Holder::from).collect();
    Ok(Holders { listed, all: found.len(), object: object.id.to_string() })
}

async fn secret(desk: &Desk<'_>, described: Described) -> Result<Secret, Fault> {
    let Described { object, value, previous } = described;
    let holders = holders(desk, &object).await?;
    let resource = Resource::Object(&object.id, Some(&object.labels));
    let living = object.deleted_at.is_none();
    let query = desk.visit.query();
    let current = (object.current.version.to_string(), When::new(object.current.created_at), true);
    let earlier = previous.iter().map(|info| (info.version.to_string(), When::new(info.created_at), false));
    Ok(Secret {
        frame: desk.frame(object.id.as_str(), "Secrets"),
        done: match query.get("done") {
            "created" => "Stored. Containers can ask for it from now on: see below how.",
            "set" => "The new version is stored. Containers that run keep the one that they were started with.",
            "deleted" => "Deleted: its value can't be had any more, by nobody.",
            _ => "",
        },
        description: object.description.as_str().to_owned(),
        labels: object.labels.iter().map(|label| (label.name().to_owned(), label.value().to_owned())).collect(),
        revealable: object.revealable,
        version: object.current.version.to_string(),
        stored: When::new(object.current.created_at),
        deleted: object.deleted_at.map(When::new),
        value: value.map(|value| String::from_utf8_lossy(value.expose()).into_owned()),
        shown: SHOWN,
        versions: std::iter::once(current).chain(earlier).collect(),
        holders,
        snippets: if living { snippets(&object.id) } else { Vec::new() },
        may_set: living && desk.may(Action::Update, resource),
        may_delete: living && desk.may(Action::Delete, resource),
        may_reveal: living && object.revealable && desk.may(Action::Reveal, resource),
        may_see_log: desk.may(Action::ListAudit, Resource::All),
        id: object.id.to_string(),
    })
}
