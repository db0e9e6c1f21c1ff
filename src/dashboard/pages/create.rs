//! A new secret.

use askama::Template;

use super::super::Desk;
use super::super::answer::{Answer, go_to, page, page_with};
use super::super::error::Fault;
use super::super::frame::Frame;
use super::super::visit::Fields;
use super::value::{self, Kept};
use crate::authz::{Action, Resource};
use crate::domain::{Description, Label, Labels};
use crate::vault::{Error, NewObject};

#[derive(Template)]
#[template(path = "create.html")]
struct Create {
    frame: Frame,
    error: String,
    value_label: &'static str,
    kept: Kept,
    description: String,
    labels: String,
    revealable: bool,
}

pub(in crate::dashboard) fn form(desk: &Desk<'_>) -> Result<Answer, Fault> {
    if !desk.may(Action::Create, Resource::Some) {
        return Err(Fault::NotFound);
    }
    page(&Create {
        frame: desk.frame("New secret", "Secrets"),
        error: String::new(),
        value_label: "Value",
        kept: Kept::default(),
        description: String::new(),
        labels: String::new(),
        revealable: false,
    })
}

pub(in crate::dashboard) async fn store(desk: &Desk<'_>, form: &Fields) -> Result<Answer, Fault> {
    let value = value::read(desk, form);
    let revealable = form.get("revealable") == "yes";
    let made = async {
        let new = NewObject {
            description: Description::new(form.get("description").replace("\r\n", "\n"))?,
            labels: labels(form.get("labels"))?,
            revealable,
            value: value::checked(&value)?,
        };
        desk.vault().create(&desk.principal, new).await
    };
    let error = match made.await {
        Ok(object) => return Ok(go_to(&format!("/ui/secrets/{}?done=created", object.id))),
        Err(error) => Fault::Vault(error),
    };
    let (status, _) = error.status();
    page_with(
        status,
        &Create {
            frame: desk.frame("New secret", "Secrets"),
            error: error.text(),
            value_label: "Value",
            kept: value::keep(desk, value),
            description: form.get("description").to_owned(),
            labels: form.get("labels").to_owned(),
            revealable,
        },
    )
}

/// One `name=value` a line.
fn labels(text: &str) -> Result<Labels, Error> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let labels: Result<Vec<Label>, _> = lines.map(str::parse).collect();
    let labels = labels.map_err(|error| Error::Invalid(format!("labels: {error}")))?;
    Ok(Labels::new(labels)?)
}
