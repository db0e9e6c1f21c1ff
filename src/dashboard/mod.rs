//! The dashboard: pages over the same use cases as the API. It has no way of its own to a value.

mod answer;
mod assets;
mod chart;
mod error;
mod frame;
mod link;
mod pages;
mod pulse;
mod session;
mod text;
mod visit;

use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use http::{HeaderMap, Method};

pub use answer::{Answer, Content};
pub use link::LINK_LIFE;
pub use pulse::Pulse;
pub use visit::Visit;

use answer::{go_to, leave_for, sealed};
use error::Fault;
use frame::{Frame, fault_page};
use link::Links;
use session::{Sessions, Signed, Who};
use visit::Fields;

use crate::authz::{Action, Principal, Resource, Rights};
use crate::domain::{Caller, Concern, Identity, Origin, Rates, Timestamp};
use crate::instances::Instances;
use crate::vault::{Error, Vault};

/// Attempts to sign in from one address at once, and how many more each second.
const SIGN_INS: (u32, u32) = (10, 1);
/// Pages for one user or token at once, and how many more each second.
const PAGES: (u32, u32) = (200, 50);

/// The cookie where nobody can listen in: browsers take it only over TLS, and from no other host.
const COOKIE: &str = "__Host-ampoule";
/// The cookie on a loopback address without TLS, where not every browser would take the other one.
const PLAIN_COOKIE: &str = "ampoule";

/// The dashboard of a vault.
pub struct Dashboard {
    vault: Vault,
    instances: Instances,
    pulse: Arc<Pulse>,
    concerns: Concerns,
    sessions: Sessions,
    links: Links,
    sign_ins: Rates<Option<IpAddr>>,
    pages: Rates<String>,
    /// How many entries were all checked, and when.
    verified: Mutex<Option<(u64, Timestamp)>>,
}

/// Looks at the daemon's surroundings, and tells what somebody should see to.
pub struct Concerns(Box<dyn Fn() -> Vec<Concern> + Send + Sync>);

impl Concerns {
    /// What this finds.
    pub fn new(look: impl Fn() -> Vec<Concern> + Send + Sync + 'static) -> Self {
        Self(Box::new(look))
    }
}

/// A request of somebody who is signed in.
struct Desk<'a> {
    dashboard: &'a Dashboard,
    visit: &'a Visit,
    principal: Principal,
    signed: Signed,
}

/// Whether a path is the dashboard's.
pub fn is_ours(path: &str) -> bool {
    path == "/" || path == "/ui" || path.starts_with("/ui/")
}

impl Dashboard {
    /// The dashboard of this vault; `pulse` counts calls.
    pub fn new(vault: Vault, instances: Instances, pulse: Arc<Pulse>, concerns: Concerns) -> Self {
        Self {
            vault,
            instances,
            pulse,
            concerns,
            sessions: Sessions::default(),
            links: Links::default(),
            sign_ins: Rates::new(SIGN_INS.0, SIGN_INS.1),
            pages: Rates::new(PAGES.0, PAGES.1),
            verified: Mutex::default(),
        }
    }

    /// Whether whoever sends these headers is signed in.
    pub fn knows(&self, headers: &HeaderMap, secure: bool) -> bool {
        let shown = visit::cookie(headers, cookie_name(secure));
        shown.is_some_and(|secret| self.sessions.find(secret, secure, false).is_some())
    }

    /// Makes a link for a user of this host; its code, which signs in once.
    pub async fn open(&self, principal: &Principal) -> Result<String, Error> {
        let Identity::Peer(peer) = principal.caller().identity else {
            return Err(Error::Invalid(
                "a link is for users of the vault's host: sign in with the token itself".to_owned(),
            ));
        };
        self.vault.permit_link(principal).await?;
        let who = Who::Local { peer, rights: Arc::new(principal.rights().clone()) };
        let full = || Error::Invalid("too many links wait to be used: try again in a minute".to_owned());
        self.links.make(who).ok_or_else(full)
    }

    /// Answers a request.
    pub async fn answer(&self, visit: Visit) -> Answer {
        let answer = self.route(&visit).await;
        sealed(answer.unwrap_or_else(|fault| fault_page(&fault, Frame::outside(""))))
    }

    async fn route(&self, visit: &Visit) -> Result<Answer, Fault> {
        let get = [Method::GET, Method::HEAD].contains(&visit.method);
        if !get && visit.method != Method::POST {
            return Err(Fault::Method("GET, HEAD, POST"));
        }
        // Whatever changes something comes from a page of ours: another site's could show the browser's cookie too.
        if !get && !visit.is_from_us() {
            return Err(Fault::Foreign);
        }
        match (visit.segments().as_slice(), get) {
            (["assets", hash, name], true) => return assets::answer(hash, name),
            (["sign-in"], true) => return pages::sign_in::form(visit),
            (["sign-in"], false) => return pages::sign_in::sign_in(self, visit).await,
            (["link"], true) => return pages::sign_in::link(self, visit),
            (["link"], false) => return pages::sign_in::follow(self, visit).await,
            _ if !visit.uri.path().starts_with("/ui/") => return Ok(go_to("/ui/")),
            _ => {}
        }
        let Some(signed) = self.signed(visit) else { return Ok(sign_in_first(visit, get)) };
        let principal = match self.principal(&signed, visit).await {
            Ok(principal) => principal,
            Err(Error::Unauthenticated) => {
                self.sessions.end(signed.key);
                return Ok(sign_in_first(visit, get));
            }
            Err(error) => return Err(error.into()),
        };
        if !self.pages.take(&signed.who.actor().to_string()) {
            return Err(Fault::TooOften);
        }
        let desk = Desk { dashboard: self, visit, principal, signed };
        let answer = if get { desk.show().await } else { desk.act().await };
        Ok(answer.unwrap_or_else(|fault| fault_page(&fault, desk.frame("", ""))))
    }

    fn signed(&self, visit: &Visit) -> Option<Signed> {
        let shown = visit.cookie(cookie_name(visit.secure))?;
        self.sessions.find(shown, visit.secure, !visit.is_poll())
    }

    /// Who is signed in, with the rights of now.
    async fn principal(&self, signed: &Signed, visit: &Visit) -> Result<Principal, Error> {
        match &signed.who {
            Who::Token { hash, .. } => self.vault.readmit(*hash, visit.from, visit.request).await,
            Who::Local { peer, rights } => {
                let caller = Caller { identity: Identity::Peer(*peer), request: visit.request };
                Ok(Principal::new(caller, Arc::clone(rights)))
            }
        }
    }
}

fn cookie_name(secure: bool) -> &'static str {
    if secure { COOKIE } else { PLAIN_COOKIE }
}

fn address(from: Origin) -> Option<IpAddr> {
    match from {
        Origin::Address(address) => Some(address.ip()),
        Origin::Peer(_) => None,
    }
}

/// Where whoever is not signed in any more goes; what was filled in is not done.
fn sign_in_first(visit: &Visit, get: bool) -> Answer {
    if visit.is_part() || visit.is_poll() {
        return leave_for("/ui/sign-in");
    }
    match visit.uri.path_and_query().filter(|_| get && visit.uri.path() != "/ui/") {
        Some(next) => go_to(&format!("/ui/sign-in?{}", text::encoded(&[("next", next.as_str())]))),
        None => go_to("/ui/sign-in"),
    }
}

impl Desk<'_> {
    fn vault(&self) -> &Vault {
        &self.dashboard.vault
    }

    /// Whether a button for this would work.
    fn may(&self, action: Action, resource: Resource<'_>) -> bool {
        self.principal.may(action, resource).is_ok()
    }

    fn may_everything(&self) -> bool {
        *self.principal.rights() == Rights::All
    }

    /// What was filled in, in a form of this session.
    async fn form(&self) -> Result<Fields, Fault> {
        let fields = self.visit.form().await.ok_or(Fault::Unreadable)?;
        // By their hashes, so that the time it takes tells nothing.
        let is_ours = session::same(fields.get("csrf"), &self.signed.csrf);
        if is_ours { Ok(fields) } else { Err(Fault::Foreign) }
    }

    async fn show(&self) -> Result<Answer, Fault> {
        match self.visit.segments().as_slice() {
            [] => pages::overview::show(self).await,
            ["session"] => pages::session::show(self),
            ["secrets"] => pages::secrets::list(self).await,
            ["secrets", "new"] => pages::create::form(self),
            ["secrets", id] => pages::secret::show(self, id).await,
            ["secrets", id, "set"] => pages::set::form(self, id).await,
            ["secrets", id, "delete"] => pages::delete::form(self, id).await,
            ["secrets", _, "reveal"] => Err(Fault::Method("POST")),
            ["use"] => pages::usage::show(self).await,
            ["audit"] => pages::audit::list(self).await,
            ["audit", "export"] => pages::audit::export(self).await,
            ["audit", index] => pages::audit_entry::show(self, index).await,
            ["tokens"] => pages::tokens::list(self).await,
            ["tokens", "new"] => pages::token_new::form(self),
            ["tokens", id, "revoke"] => pages::tokens::revoke_form(self, id),
            ["instances"] => pages::instances::list(self).await,
            ["instances", id] => pages::instances::show(self, id).await,
            ["instances", id, "logs"] => pages::instances::follow(self, id).await,
            ["instances", id, "state"] => pages::instances::watch(self, id).await,
            ["devboxes"] => pages::devboxes::list(self).await,
            ["devboxes", name] => pages::devboxes::show(self, name).await,
            _ => Err(Fault::NotFound),
        }
    }

    async fn act(&self) -> Result<Answer, Fault> {
        let form = self.form().await?;
        match self.visit.segments().as_slice() {
            ["sign-out"] => Ok(pages::session::sign_out(self)),
            ["sign-out-everywhere"] => Ok(pages::session::sign_out_everywhere(self)),
            ["secrets", "new"] => pages::create::store(self, &form).await,
            ["secrets", id, "set"] => pages::set::store(self, id, &form).await,
            ["secrets", id, "delete"] => pages::delete::delete(self, id, &form).await,
            ["secrets", id, "reveal"] => pages::secret::reveal(self, id).await,
            ["audit", "verify"] => pages::audit::verify(self).await,
            ["tokens", "new"] => pages::token_new::make(self, &form).await,
            ["tokens", id, "revoke"] => pages::tokens::revoke(self, id).await,
            ["instances", id, "destroy"] => pages::instances::destroy(self, id, &form).await,
            ["devboxes", name, "stop"] => pages::devboxes::stop(self, name).await,
            ["devboxes", name, "start"] => pages::devboxes::start(self, name).await,
            ["devboxes", name, "expire"] => pages::devboxes::expire(self, name, &form).await,
            _ => Err(Fault::NotFound),
        }
    }
}
