//! A new version of a secret.

use askama::Template;
use http::StatusCode;

use super::super::Desk;
use super::super::answer::{Answer, go_to, page, page_with};
use super::super::error::Fault;
use super::super::frame::Frame;
use super::super::text::{When, actor};
use super::super::visit::Fields;
use super::secret::id;
use super::value::{self, Kept};
use crate::audit::{EntryFilter, View};
use crate::authz::{Action, Resource};
use crate::domain::{ObjectId, Version};
use crate::vault::{Described, Disclosure, Error, Refusal};

#[derive(Template)]
#[template(path = "set.html")]
struct Set {
    frame: Frame,
    id: String,
    description: String,
    version: String,
    stored: Option<When>,
    error: String,
    conflict: Option<Conflict>,
    value_label: &'static str,
    kept: Kept,
}

/// Somebody was quicker.
struct Conflict {
    expected: Version,
    current: Version,
    /// Who, for whoever may read the log.
    by: Option<String>,
    at: Option<When>,
}

pub(in crate::dashboard) async fn form(desk: &Desk<'_>, text: &str) -> Result<Answer, Fault> {
    let described = desk.vault().describe(&desk.principal, id(text)?, Disclosure::MetadataOnly).await?;
    let object = &described.object;
    if !desk.may(Action::Update, Resource::Object(&object.id, Some(&object.labels))) || object.deleted_at.is_some() {
        return Err(Fault::NotFound);
    }
    page(&set(desk, described))
}

pub(in crate::dashboard) async fn store(desk: &Desk<'_>, text: &str, form: &Fields) -> Result<Answer, Fault> {
    let id = id(text)?;
    let value = value::read(desk, form);
    let stored = async {
        let expected: Version = form.get("expected").parse().map_err(|_| {
            Error::Invalid("the form does not say which version it replaces: load the page anew".to_owned())
        })?;
        desk.vault().update(&desk.principal, id.clone(), value::checked(&value)?, Some(expected)).await
    };
    let error = match stored.await {
        Ok(_) => return Ok(go_to(&format!("/ui/secrets/{id}?done=set"))),
        Err(error @ (Error::Invalid(_) | Error::Refused(Refusal::VersionMismatch { .. }) | Error::Store(_))) => error,
        Err(error) => return Err(error.into()),
    };
    let kept = value::keep(desk, value);
    let described = desk.vault().describe(&desk.principal, id.clone(), Disclosure::MetadataOnly).await?;
    let at = described.object.current.created_at;
    let base = Set { kept, ..set(desk, described) };
    match error {
        Error::Refused(Refusal::VersionMismatch { expected, current, .. }) => {
            let by = last_change(desk, id).await?;
            let conflict = Some(Conflict { expected, current, by, at: Some(When::new(at)) });
            page_with(StatusCode::CONFLICT, &Set { conflict, ..base })
        }
        error => {
            let fault = Fault::Vault(error);
            page_with(fault.status().0, &Set { error: fault.text(), ..base })
        }
    }
}

fn set(desk: &Desk<'_>, described: Described) -> Set {
    let object = described.object;
    Set {
        frame: desk.frame("New version", "Secrets"),
        id: object.id.to_string(),
        description: object.description.as_str().to_owned(),
        version: object.current.version.to_string(),
        stored: Some(When::new(object.current.created_at)),
        error: String::new(),
        conflict: None,
        value_label: "New value",
        kept: Kept::default(),
    }
}

/// Who changed a secret last, as the log tells to who may read it.
async fn last_change(desk: &Desk<'_>, id: ObjectId) -> Result<Option<String>, Fault> {
    if !desk.may(Action::ListAudit, Resource::All) {
        return Ok(None);
    }
    let filter = EntryFilter { object: Some(id), ..EntryFilter::default() };
    let page = desk.vault().log_before(&desk.principal, u64::MAX, 100, filter).await?;
    let mut views = page.entries.iter().filter_map(|row| View::of(&row.entry).ok());
    Ok(views.find(|view| view.mutation().is_some()).map(|view| actor(&view)))
}
