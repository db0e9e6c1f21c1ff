//! The end of tokens.

use std::collections::BTreeSet;

use super::super::{Error, Vault};
use super::{TokenRefusal, entry};
use crate::audit::Outcome;
use crate::authz::{Action, Grant, Principal, Resource, Revocation, Token, TokenState};
use crate::domain::{ActorId, Timestamp, TokenId};
use crate::store::{StoreError, WriteTx};

/// Which tokens to end; all that is given must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenFilter {
    /// Made before this time.
    pub before: Option<Timestamp>,
    /// Made by this one.
    pub creator: Option<ActorId>,
}

impl Vault {
    /// Ends a token, and those that were made with it. One that has ended stays so, and that is no error.
    pub async fn revoke_token(&self, principal: &Principal, id: TokenId) -> Result<(), Error> {
        let principal = principal.clone();
        let (result, _) = self
            .store
            .write(move |tx| {
                // Decided after the reading: a token that isn't there takes as long as one that may not be known of.
                let found = tx.token(&id)?;
                let refusal = match (principal.may(Action::RevokeToken, Resource::Token(&id)), found) {
                    (Ok(grant), Some(token)) => return end(tx, &grant, token).map(|_| Ok(())),
                    (Ok(_), None) => TokenRefusal::Unknown { token: id.clone() },
                    (Err(_), _) => TokenRefusal::Forbidden { token: id.clone() },
                };
                tx.append(&entry(principal.caller(), Action::RevokeToken, Some(&id), refusal.outcome()))?;
                Ok(Err(refusal))
            })
            .await?;
        self.ended.send_replace(());
        result.map_err(Error::Token)
    }

    /// Ends all living tokens that match and that the caller may end; their ids, oldest first.
    pub async fn batch_revoke_tokens(&self, principal: &Principal, filter: TokenFilter) -> Result<Vec<TokenId>, Error> {
        if filter == TokenFilter::default() {
            return Err(Error::Invalid("neither before nor created_by_actor_id is given: say which tokens".to_owned()));
        }
        self.permit(principal, Action::RevokeToken, Resource::Some).await?;
        let principal = principal.clone();
        let (ended, _) = self
            .store
            .write(move |tx| {
                let mut ended = Vec::new();
                for token in matching(tx, &filter)? {
                    if let Ok(grant) = principal.may(Action::RevokeToken, Resource::Token(&token.id)) {
                        ended.extend(end(tx, &grant, token)?);
                    }
                }
                let mut batch = entry(principal.caller(), Action::RevokeToken, None, Outcome::Ok);
                batch.attributes.count = Some(ended.len());
                tx.append(&batch)?;
                Ok(ended)
            })
            .await?;
        self.ended.send_replace(());
        Ok(ended)
    }
}

fn matching(tx: &mut dyn WriteTx, filter: &TokenFilter) -> Result<Vec<Token>, StoreError> {
    let now = tx.now();
    let mut found: Vec<Token> = match &filter.creator {
        Some(creator) => tx.tokens_made_by(creator)?,
        None => tx.tokens_after(0, u32::MAX)?.into_iter().map(|(_, token)| token).collect(),
    };
    let early = |token: &Token| filter.before.is_none_or(|before| token.created_at < before);
    found.retain(|token| token.state(now) == TokenState::Living && early(token));
    Ok(found)
}

/// Ends a token and all that were made with it: whoever stole one may have made others. The ids of those that this ended.
pub(super) fn end(tx: &mut dyn WriteTx, grant: &Grant, token: Token) -> Result<Vec<TokenId>, StoreError> {
    let revocation = Revocation { at: tx.now(), by: ActorId::of(&grant.caller().identity) };
    let (mut ended, mut seen, mut queue) = (Vec::new(), BTreeSet::new(), vec![token.id]);
    while let Some(id) = queue.pop() {
        if !seen.insert(id.clone()) {
            continue;
        }
        queue.extend(tx.tokens_made_by(&ActorId::Token(id.clone()))?.into_iter().map(|child| child.id));
        if tx.token(&id)?.is_some_and(|token| token.revoked.is_none()) {
            tx.revoke_token(grant, &id, &revocation)?;
            ended.push(id.clone());
        }
        tx.append(&entry(grant.caller(), grant.action(), Some(&id), Outcome::Ok))?;
    }
    Ok(ended)
}
