//! Which tokens there are.

use super::super::{Error, Vault};
use super::entry;
use crate::audit::Outcome;
use crate::authz::{Action, Principal, Resource, Token, TokenState};
use crate::domain::Timestamp;
use crate::store::{ReadTx, StoreError};

/// The most tokens of one page.
const MOST: usize = 1000;
/// How many rows are read at once.
const ROWS: u32 = 256;

/// A page of the list.
pub struct TokenPage {
    /// The tokens, oldest first.
    pub tokens: Vec<Token>,
    /// The place to go on after, unless this is the last page.
    pub next: Option<u64>,
}

impl Vault {
    /// Tokens after a place that the caller may list, those that no longer count only if wanted; `most` of 0 means as
    /// many as there may be.
    pub async fn list_tokens(
        &self,
        principal: &Principal,
        after: u64,
        most: usize,
        ended_too: bool,
    ) -> Result<TokenPage, Error> {
        let grant = self.permit(principal, Action::ListTokens, Resource::Some).await?;
        let most = if most == 0 { MOST } else { most.min(MOST) };
        let (asked, now) = (principal.clone(), Timestamp::now());
        let wanted = move |token: &Token| {
            let counts = token.state(now) == TokenState::Living;
            (ended_too || counts) && asked.may(Action::ListTokens, Resource::Token(&token.id)).is_ok()
        };
        let page = self.store.read(move |tx| page(tx, after, most, wanted)).await?;
        let mut listed = entry(grant.caller(), grant.action(), None, Outcome::Ok);
        listed.attributes.count = Some(page.tokens.len());
        self.record(listed).await?;
        Ok(page)
    }
}

fn page(
    tx: &mut dyn ReadTx,
    after: u64,
    most: usize,
    wanted: impl Fn(&Token) -> bool,
) -> Result<TokenPage, StoreError> {
    let (mut tokens, mut read_to, mut shown_to) = (Vec::new(), after, after);
    loop {
        let rows = tx.tokens_after(read_to, ROWS)?;
        if rows.is_empty() {
            return Ok(TokenPage { tokens, next: None });
        }
        for (place, token) in rows {
            read_to = place;
            if !wanted(&token) {
                continue;
            }
            // One more than the page holds: there is a next page, and it is not empty.
            if tokens.len() == most {
                return Ok(TokenPage { tokens, next: Some(shown_to) });
            }
            shown_to = place;
            tokens.push(token);
        }
    }
}
