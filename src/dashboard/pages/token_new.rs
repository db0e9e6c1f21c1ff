//! A new token.

use askama::Template;
use jiff::SignedDuration;

use super::super::Desk;
use super::super::answer::{Answer, page, page_with};
use super::super::error::Fault;
use super::super::frame::Frame;
use super::super::text::When;
use super::super::visit::Fields;
use crate::authz::{Action, Permission, Resource, ResourceType};
use crate::domain::{Description, Timestamp};
use crate::vault::{Error, NewToken};

/// How many grants one form has room for, of each type.
const GRANTS: usize = 2;

#[derive(Template)]
#[template(path = "token_new.html")]
struct New {
    frame: Frame,
    error: String,
    name: String,
    description: String,
    days: String,
    grants: Vec<GrantForm>,
}

/// What can be granted on one type of resource.
struct GrantForm {
    /// The prefix of its fields' names.
    key: String,
    title: &'static str,
    which: String,
    hint: &'static str,
    /// Whether there is but one.
    single: bool,
    first: bool,
    verbs: Vec<(&'static str, bool)>,
}

#[derive(Template)]
#[template(path = "token_made.html")]
struct Made {
    frame: Frame,
    token: String,
    id: String,
    name: String,
    expires: When,
    grants: Vec<String>,
}

pub(in crate::dashboard) fn form(desk: &Desk<'_>) -> Result<Answer, Fault> {
    if !desk.may(Action::CreateToken, Resource::All) {
        return Err(Fault::NotFound);
    }
    page(&new(desk, &Fields::default(), String::new()))
}

pub(in crate::dashboard) async fn make(desk: &Desk<'_>, form: &Fields) -> Result<Answer, Fault> {
    let made = async { desk.vault().create_token(&desk.principal, read(form)?).await };
    let made = match made.await {
        Ok(made) => made,
        Err(error) => {
            let fault = Fault::Vault(error);
            return page_with(fault.status().0, &new(desk, form, fault.text()));
        }
    };
    page(&Made {
        frame: desk.frame("New token", "Tokens"),
        token: String::from_utf8_lossy(made.bearer.into_secret().expose()).into_owned(),
        id: made.token.id.to_string(),
        name: made.token.name.as_str().to_owned(),
        expires: When::new(made.token.expires_at),
        grants: made.token.permissions.iter().map(ToString::to_string).collect(),
    })
}

fn new(desk: &Desk<'_>, form: &Fields, error: String) -> New {
    New {
        frame: desk.frame("New token", "Tokens"),
        error,
        name: form.get("name").to_owned(),
        description: form.get("description").to_owned(),
        days: form.get("days").to_owned(),
        grants: slots().map(|(kind, slot)| grant_form(kind, slot, form)).collect(),
    }
}

/// Each type with the numbers of its grants.
fn slots() -> impl Iterator<Item = (ResourceType, usize)> {
    ResourceType::ALL.into_iter().flat_map(|kind| (0..slots_of(kind)).map(move |slot| (kind, slot)))
}

fn slots_of(kind: ResourceType) -> usize {
    if kind == ResourceType::AuditLog { 1 } else { GRANTS }
}

fn key(kind: ResourceType, slot: usize) -> String {
    format!("{}-{slot}", kind.as_str().replace('/', "-"))
}

fn grant_form(kind: ResourceType, slot: usize, form: &Fields) -> GrantForm {
    let key = key(kind, slot);
    let (title, hint) = match kind {
        ResourceType::Object => ("Secrets", "* for all, sec_… for one, label:env=prod for those of a label"),
        ResourceType::AuditLog => ("The audit log", ""),
        ResourceType::Token => ("Tokens", "* for all, tok_… for one"),
        ResourceType::Instance => ("Instances", "* for all, inst-… for one, label:env=prod for those of a label"),
    };
    let chosen: Vec<&str> = form.all(&key).collect();
    GrantForm {
        title,
        hint,
        which: form.get(&format!("{key}-which")).to_owned(),
        single: slots_of(kind) == 1,
        first: slot == 0,
        verbs: kind.actions().map(|action| (action.verb(), chosen.contains(&action.verb()))).collect(),
        key,
    }
}

fn read(form: &Fields) -> Result<NewToken, Error> {
    let invalid = |what: &str, error: &dyn std::fmt::Display| Error::Invalid(format!("{what}: {error}"));
    let mut permissions = Vec::new();
    for (kind, slot) in slots() {
        let key = key(kind, slot);
        let verbs: Vec<&str> = form.all(&key).collect();
        if verbs.is_empty() {
            continue;
        }
        let which = form.get(&format!("{key}-which")).trim().to_owned();
        let which = if which.is_empty() { "*".to_owned() } else { which };
        let permission = Permission::parse(kind.as_str(), &which, verbs);
        permissions.push(permission.map_err(|error| invalid(kind.as_str(), &error))?);
    }
    if permissions.is_empty() {
        return Err(Error::Invalid("no grant is chosen: a token that may do nothing is of no use".to_owned()));
    }
    Ok(NewToken {
        name: form.get("name").trim().parse().map_err(|error| invalid("name", &error))?,
        description: Description::new(form.get("description").to_owned())?,
        expires_at: end(form.get("days").trim())?,
        permissions,
    })
}

/// When a token ends of which that is said.
fn end(days: &str) -> Result<Option<Timestamp>, Error> {
    if days.is_empty() {
        return Ok(None);
    }
    let number = days.parse().ok().filter(|days| (1..=90).contains(days));
    let number: i64 = number.ok_or_else(|| Error::Invalid("days: expected a number from 1 to 90".to_owned()))?;
    // A little less, so that 90 days are not more than 90 when it is looked at.
    let life = SignedDuration::from_hours(number * 24) - SignedDuration::from_secs(i64::from(number == 90));
    Ok(Timestamp::now().saturating_add(life).ok())
}
