//! What every page has around it.

use askama::Template;

use super::Desk;
use super::answer::{Answer, allowing, page_with, whole};
use super::assets;
use super::error::Fault;
use crate::authz::{Action, Resource};

/// The title, the way to other pages, and whose session this is.
pub(super) struct Frame {
    pub(super) title: String,
    pub(super) who: String,
    pub(super) csrf: String,
    pub(super) assets: String,
    pub(super) nav: Vec<Item>,
    pub(super) small: bool,
}

/// A page in the navigation.
pub(super) struct Item {
    pub(super) href: &'static str,
    pub(super) label: &'static str,
    pub(super) here: bool,
}

impl Frame {
    /// That of a page for whoever is not signed in.
    pub(super) fn outside(title: &str) -> Self {
        Self {
            title: title.to_owned(),
            who: String::new(),
            csrf: String::new(),
            assets: assets::folder(),
            nav: Vec::new(),
            small: true,
        }
    }
}

impl Desk<'_> {
    /// That of a page in this part of the dashboard. It leads only where something is to be seen.
    pub(super) fn frame(&self, title: &str, here: &str) -> Frame {
        let pages = [
            ("/ui/", "Overview", true),
            ("/ui/secrets", "Secrets", self.may(Action::List, Resource::Some)),
            ("/ui/use", "Use", self.may(Action::Describe, Resource::Some)),
            ("/ui/instances", "Instances", self.may(Action::ListInstances, Resource::Some)),
            ("/ui/devboxes", "Devboxes", self.may(Action::ListInstances, Resource::Some)),
            ("/ui/tokens", "Tokens", self.may(Action::ListTokens, Resource::Some)),
            ("/ui/audit", "Audit", self.may(Action::ListAudit, Resource::All)),
        ];
        let seen = pages.into_iter().filter(|(.., seen)| *seen);
        Frame {
            title: title.to_owned(),
            who: self.signed.who.actor().to_string(),
            csrf: self.signed.csrf.clone(),
            assets: assets::folder(),
            nav: seen.map(|(href, label, _)| Item { href, label, here: label == here }).collect(),
            small: false,
        }
    }
}

#[derive(Template)]
#[template(path = "fault.html")]
struct FaultPage {
    frame: Frame,
    heading: &'static str,
    text: String,
    signed_out: bool,
}

/// The page that says why another one is not there.
pub(super) fn fault_page(fault: &Fault, frame: Frame) -> Answer {
    let (status, heading) = fault.status();
    if status.is_server_error() {
        let reason = if let Fault::Page(reason) = fault { reason.clone() } else { fault.text() };
        tracing::error!(reason, "a page failed");
    }
    let signed_out = frame.nav.is_empty();
    let page =
        FaultPage { frame: Frame { title: heading.to_owned(), ..frame }, heading, text: fault.text(), signed_out };
    let answer = page_with(status, &page).unwrap_or_else(|_| whole(status, super::answer::TEXT, heading.into()));
    if let Fault::Method(methods) = fault { allowing(answer, methods) } else { answer }
}
