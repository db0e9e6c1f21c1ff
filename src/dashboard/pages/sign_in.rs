//! Signing in, with a token or by a link.

use askama::Template;
use http::StatusCode;

use super::super::answer::{Answer, go_to, page, page_with, with_cookie};
use super::super::error::Fault;
use super::super::frame::Frame;
use super::super::session::Who;
use super::super::visit::Visit;
use super::super::{Dashboard, address, cookie_name};
use crate::authz::{Principal, Rights, TokenHash};
use crate::domain::{Caller, Identity};
use crate::vault::Error;

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignIn {
    frame: Frame,
    next: String,
    error: &'static str,
}

#[derive(Template)]
#[template(path = "link.html")]
struct Link {
    frame: Frame,
    /// Whom it signs in; nobody if it doesn't count.
    who: String,
    code: String,
}

/// Longer than any token.
const LONGEST: usize = 4096;

pub(in crate::dashboard) fn form(visit: &Visit) -> Result<Answer, Fault> {
    page(&SignIn { frame: Frame::outside("Sign in"), next: next(visit.query().get("next")), error: "" })
}

pub(in crate::dashboard) async fn sign_in(dashboard: &Dashboard, visit: &Visit) -> Result<Answer, Fault> {
    let form = visit.form().await.ok_or(Fault::Unreadable)?;
    let token = form.get("token").trim();
    let token = if token.len() > LONGEST { "" } else { token };
    // Others may have tried too often from there. Who has a token is let in all the same: nobody comes to 256 bits by trying,
    // and else anybody behind the same address could keep everybody out.
    if !dashboard.sign_ins.take(&address(visit.from)) && !dashboard.vault.counts(token).await? {
        return Err(Fault::TooOften);
    }
    let next = next(form.get("next"));
    let principal = match dashboard.vault.authenticate(token, visit.from, visit.request).await {
        Ok(principal) => principal,
        Err(Error::Unauthenticated) => {
            let error = "That is no token that counts: it may be mistyped, or have expired or been revoked.";
            return page_with(StatusCode::UNAUTHORIZED, &SignIn { frame: Frame::outside("Sign in"), next, error });
        }
        Err(error) => return Err(error.into()),
    };
    let Identity::Token { id, .. } = &principal.caller().identity else { return Err(Error::Unauthenticated.into()) };
    let who = Who::Token { id: id.clone(), hash: TokenHash::of(token) };
    begin(dashboard, visit, &principal, who, &next).await
}

/// Whom a link would sign in. Only [`follow`] uses it up: what fetches pages ahead must not.
pub(in crate::dashboard) fn link(dashboard: &Dashboard, visit: &Visit) -> Result<Answer, Fault> {
    let query = visit.query();
    let code = query.get("code").to_owned();
    let who = dashboard.links.look(&code).map(|who| who.actor().to_string()).unwrap_or_default();
    page(&Link { frame: Frame::outside("Sign in"), who, code })
}

pub(in crate::dashboard) async fn follow(dashboard: &Dashboard, visit: &Visit) -> Result<Answer, Fault> {
    let form = visit.form().await.ok_or(Fault::Unreadable)?;
    let in_time = dashboard.sign_ins.take(&address(visit.from));
    let Some(who) = dashboard.links.take(form.get("code")) else {
        if !in_time {
            return Err(Fault::TooOften);
        }
        let caller = Caller { identity: Identity::Anonymous(visit.from), request: visit.request };
        let nobody = Principal::new(caller, Rights::NONE.into());
        dashboard.vault.refuse_sign_in(&nobody).await?;
        let page = Link { frame: Frame::outside("Sign in"), who: String::new(), code: String::new() };
        return page_with(StatusCode::UNAUTHORIZED, &page);
    };
    let Who::Local { peer, rights } = &who else { return Err(Error::Unauthenticated.into()) };
    let caller = Caller { identity: Identity::Peer(*peer), request: visit.request };
    let principal = Principal::new(caller, rights.clone());
    begin(dashboard, visit, &principal, who, "/ui/").await
}

/// Always under a new name: one that somebody else may have put there before counts for nothing.
async fn begin(
    dashboard: &Dashboard,
    visit: &Visit,
    principal: &Principal,
    who: Who,
    next: &str,
) -> Result<Answer, Fault> {
    dashboard.vault.record_sign_in(principal).await?;
    if let Some(signed) = dashboard.signed(visit) {
        dashboard.sessions.end(signed.key);
    }
    let secret = dashboard.sessions.begin(who, visit.secure);
    let secret = secret.ok_or_else(|| Fault::Page("there is no randomness".to_owned()))?;
    Ok(with_cookie(go_to(next), &cookie(visit.secure, &secret)))
}

/// The cookie of a session. No script sees it, and no page of another site makes the browser send it.
fn cookie(secure: bool, secret: &str) -> String {
    let name = cookie_name(secure);
    let place = if secure { "Path=/; Secure" } else { "Path=/ui" };
    format!("{name}={secret}; {place}; HttpOnly; SameSite=Strict")
}

/// The cookie that ends one.
pub(super) fn no_cookie(secure: bool) -> String {
    format!("{}; Max-Age=0", cookie(secure, ""))
}

/// A page of ours to go on to; no address leads anywhere else.
fn next(wanted: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/_-?=&.%+".contains(c);
    let ours = wanted.starts_with("/ui/") && !wanted.contains("//") && wanted.chars().all(is_plain);
    if ours { wanted.to_owned() } else { "/ui/".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_goes_on_only_to_pages_of_ours() {
        for path in ["/ui/", "/ui/secrets/sec_a?x=%20&y=1"] {
            assert_eq!(next(path), path);
        }
        let elsewhere = [
            "",
            "//evil.example",
            "https://evil.example",
            "/\\evil",
            "/ui//evil",
            "/ui/\r\nX: y",
            "/u",
            "/ui@e",
            "/ui/ü",
        ];
        for path in elsewhere {
            assert_eq!(next(path), "/ui/", "{path}");
        }
    }
}
