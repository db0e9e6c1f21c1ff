//! The end of a secret.

use askama::Template;
use http::StatusCode;

use super::super::Desk;
use super::super::answer::{Answer, go_to, page_with};
use super::super::error::Fault;
use super::super::frame::Frame;
use super::super::visit::Fields;
use super::secret::{Holders, holders, id};
use crate::authz::{Action, Resource};
use crate::vault::{Disclosure, Error, Refusal};

#[derive(Template)]
#[template(path = "delete.html")]
struct Delete {
    frame: Frame,
    error: String,
    id: String,
    description: String,
    version: String,
    holders: Holders,
}

pub(in crate::dashboard) async fn form(desk: &Desk<'_>, text: &str) -> Result<Answer, Fault> {
    ask(desk, text, StatusCode::OK, String::new()).await
}

pub(in crate::dashboard) async fn delete(desk: &Desk<'_>, text: &str, form: &Fields) -> Result<Answer, Fault> {
    let id = id(text)?;
    if form.get("confirm").trim() != id.as_str() {
        let error = "type the secret's whole id to delete it".to_owned();
        return ask(desk, text, StatusCode::BAD_REQUEST, error).await;
    }
    let expected = form.get("expected").parse().ok();
    match desk.vault().delete(&desk.principal, id.clone(), expected).await {
        Ok(_) => Ok(go_to(&format!("/ui/secrets/{id}?done=deleted"))),
        Err(error @ Error::Refused(Refusal::VersionMismatch { .. })) => {
            ask(desk, text, StatusCode::CONFLICT, error.to_string()).await
        }
        Err(error) => Err(error.into()),
    }
}

async fn ask(desk: &Desk<'_>, text: &str, status: StatusCode, error: String) -> Result<Answer, Fault> {
    let object = desk.vault().describe(&desk.principal, id(text)?, Disclosure::MetadataOnly).await?.object;
    if !desk.may(Action::Delete, Resource::Object(&object.id, Some(&object.labels))) || object.deleted_at.is_some() {
        return Err(Fault::NotFound);
    }
    let page = Delete {
        frame: desk.frame("Delete a secret", "Secrets"),
        error,
        id: object.id.to_string(),
        description: object.description.as_str().to_owned(),
        version: object.current.version.to_string(),
        holders: holders(desk, &object).await?,
    };
    page_with(status, &page)
}
