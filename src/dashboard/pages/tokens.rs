//! Tokens: which there are, and their end.

use askama::Template;

use super::super::Desk;
use super::super::answer::{Answer, go_to, page};
use super::super::error::Fault;
use super::super::frame::Frame;
use super::super::text::When;
use super::secrets::first_line;
use crate::authz::{Action, Resource, Token, TokenState};
use crate::domain::{Timestamp, TokenId};

const ROWS: usize = 50;

#[derive(Template)]
#[template(path = "tokens.html")]
struct Tokens {
    frame: Frame,
    done: bool,
    ended_too: bool,
    rows: Vec<Row>,
    is_first: bool,
    next: Option<u64>,
    may_create: bool,
}

struct Row {
    id: String,
    name: String,
    description: String,
    grants: Vec<String>,
    state: &'static str,
    made: When,
    by: String,
    expires: When,
    may_revoke: bool,
}

#[derive(Template)]
#[template(path = "token_revoke.html")]
struct Revoke {
    frame: Frame,
    id: String,
    own: bool,
}

pub(in crate::dashboard) async fn list(desk: &Desk<'_>) -> Result<Answer, Fault> {
    let fields = desk.visit.query();
    let ended_too = fields.get("show") == "all";
    let after = fields.get("after").parse().unwrap_or(0);
    let found = desk.vault().list_tokens(&desk.principal, after, ROWS, ended_too).await?;
    let now = Timestamp::now();
    page(&Tokens {
        frame: desk.frame("Tokens", "Tokens"),
        done: fields.get("done") == "revoked",
        ended_too,
        rows: found.tokens.iter().map(|token| row(desk, token, now)).collect(),
        is_first: after == 0,
        next: found.next,
        may_create: desk.may(Action::CreateToken, Resource::All),
    })
}

fn row(desk: &Desk<'_>, token: &Token, now: Timestamp) -> Row {
    let state = token.state(now);
    Row {
        id: token.id.to_string(),
        name: token.name.as_str().to_owned(),
        description: first_line(token.description.as_str()),
        grants: token.permissions.iter().map(ToString::to_string).collect(),
        state: match state {
            TokenState::Living => "counts",
            TokenState::Revoked => "revoked",
            TokenState::Expired => "expired",
        },
        made: When::new(token.created_at),
        by: token.creator.to_string(),
        expires: When::new(token.revoked.as_ref().map_or(token.expires_at, |revoked| revoked.at)),
        may_revoke: state == TokenState::Living && desk.may(Action::RevokeToken, Resource::Token(&token.id)),
    }
}

fn id(text: &str) -> Result<TokenId, Fault> {
    text.parse().map_err(|_| Fault::NotFound)
}

pub(in crate::dashboard) fn revoke_form(desk: &Desk<'_>, text: &str) -> Result<Answer, Fault> {
    let id = id(text)?;
    if !desk.may(Action::RevokeToken, Resource::Token(&id)) {
        return Err(Fault::NotFound);
    }
    let own = desk.signed.who.actor().to_string() == id.as_str();
    page(&Revoke { frame: desk.frame("Revoke a token", "Tokens"), id: id.to_string(), own })
}

pub(in crate::dashboard) async fn revoke(desk: &Desk<'_>, text: &str) -> Result<Answer, Fault> {
    desk.vault().revoke_token(&desk.principal, id(text)?).await?;
    Ok(go_to("/ui/tokens?done=revoked"))
}
