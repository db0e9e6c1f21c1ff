//! Whose session this is, and its end.

use askama::Template;

use super::super::Desk;
use super::super::answer::{Answer, go_to, page, with_cookie};
use super::super::error::Fault;
use super::super::frame::Frame;
use super::sign_in::no_cookie;
use crate::authz::Rights;

#[derive(Template)]
#[template(path = "session.html")]
struct Session {
    frame: Frame,
    everything: bool,
    grants: Vec<(&'static str, String, String)>,
    sessions: usize,
}

pub(in crate::dashboard) fn show(desk: &Desk<'_>) -> Result<Answer, Fault> {
    let grants = match desk.principal.rights() {
        Rights::All => Vec::new(),
        Rights::Permitted(permissions) => permissions
            .iter()
            .map(|permission| {
                let verbs: Vec<_> = permission.verbs().collect();
                (permission.resource_type().as_str(), permission.resource_id(), verbs.join(", "))
            })
            .collect(),
    };
    page(&Session {
        frame: desk.frame("Your session", ""),
        everything: desk.may_everything(),
        grants,
        sessions: desk.dashboard.sessions.count_of(&desk.signed.who.actor()),
    })
}

pub(in crate::dashboard) fn sign_out(desk: &Desk<'_>) -> Answer {
    desk.dashboard.sessions.end(desk.signed.key);
    left(desk)
}

pub(in crate::dashboard) fn sign_out_everywhere(desk: &Desk<'_>) -> Answer {
    desk.dashboard.sessions.end_all_of(&desk.signed.who.actor());
    left(desk)
}

fn left(desk: &Desk<'_>) -> Answer {
    with_cookie(go_to("/ui/sign-in"), &no_cookie(desk.visit.secure))
}
