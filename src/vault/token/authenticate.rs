//! Who holds the token that a request shows.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use super::super::{Error, Vault};
use super::entry;
use crate::audit::Outcome;
use crate::authz::{Action, Principal, Resource, Rights, Token, TokenHash, TokenState};
use crate::domain::{Caller, Identity, Origin, RequestId, Timestamp, TokenId};
use crate::store::TokenMutation;

/// How long it goes unseen that the clock was set.
const LOOKED_AT: Duration = Duration::from_mins(1);

impl Vault {
    /// The holder of a token, with the token's rights and no others.
    ///
    /// Asks the store each time: what was revoked a moment ago counts no more. Whoever is refused is not told why; the
    /// log is.
    pub async fn authenticate(&self, bearer: &str, from: Origin, request: RequestId) -> Result<Principal, Error> {
        self.readmit(TokenHash::of(bearer), from, request).await
    }

    /// The same for who has shown the token before, of which the hash was kept.
    pub async fn readmit(&self, hash: TokenHash, from: Origin, request: RequestId) -> Result<Principal, Error> {
        match self.judged(hash).await? {
            Ok(token) => {
                let caller = Caller { identity: Identity::Token { id: token.id, from }, request };
                Ok(Principal::new(caller, Arc::new(Rights::Permitted(token.permissions))))
            }
            Err((outcome, id)) => {
                let caller = Caller { identity: Identity::Anonymous(from), request };
                self.record(entry(&caller, Action::Authenticate, id.as_ref(), outcome)).await?;
                Err(Error::Unauthenticated)
            }
        }
    }

    /// Whether a token counts. That one doesn't leaves no entry: it is for attempts that are too many for the log.
    pub async fn counts(&self, bearer: &str) -> Result<bool, Error> {
        Ok(self.judged(TokenHash::of(bearer)).await?.is_ok())
    }

    async fn judged(&self, hash: TokenHash) -> Result<Judged, Error> {
        let found = self.store.read(move |tx| {
            let Some((token, voucher)) = tx.token_of(&hash)? else { return Ok(None) };
            let logged = tx.last_token_mutation(&token.id)?;
            Ok(Some((token, voucher, logged)))
        });
        Ok(match found.await? {
            None => Err((Outcome::Unknown, None)),
            Some((token, voucher, _)) if !self.vouches(&voucher, &token, &hash) => {
                Err((Outcome::Tampered, Some(token.id)))
            }
            Some((token, _, logged)) => judge(token, logged, Timestamp::now()),
        })
    }
}

/// A token that counts, or what the log is told.
type Judged = Result<Token, (Outcome, Option<TokenId>)>;

impl Vault {
    /// Ready when the token that a caller has shown counts no more; never for who has shown none.
    pub fn until_ended(&self, principal: &Principal) -> impl Future<Output = ()> + Send + use<> {
        let token = match &principal.caller().identity {
            Identity::Token { id, .. } => Some(id.clone()),
            _ => None,
        };
        let (vault, mut ended) = (self.clone(), self.ended.subscribe());
        async move {
            let Some(id) = token else { return pending().await };
            loop {
                let asked = id.clone();
                let now = Timestamp::now();
                let found = vault.store.read(move |tx| Ok((tx.token(&asked)?, tx.last_token_mutation(&asked)?)));
                let Ok((Some(token), logged)) = found.await else { return };
                let Ok(token) = judge(token, logged, now) else { return };
                let left = token.expires_at.duration_since(now).unsigned_abs();
                tokio::select! {
                    changed = ended.changed() => if changed.is_err() { return },
                    () = tokio::time::sleep(left.min(LOOKED_AT)) => {}
                }
            }
        }
    }

    /// Records that somebody was let in for more than one request, or may be.
    pub async fn record_sign_in(&self, principal: &Principal) -> Result<(), Error> {
        let id = match &principal.caller().identity {
            Identity::Token { id, .. } => Some(id),
            _ => None,
        };
        self.record(entry(principal.caller(), Action::Authenticate, id, Outcome::Ok)).await
    }

    /// Records that somebody has shown something else than a token, which is not known either.
    pub async fn refuse_sign_in(&self, nobody: &Principal) -> Result<(), Error> {
        self.record(entry(nobody.caller(), Action::Authenticate, None, Outcome::Unknown)).await
    }

    /// Whether a process of this host may be let in elsewhere by a link. Who may do nothing has nothing to look at.
    pub async fn permit_link(&self, principal: &Principal) -> Result<(), Error> {
        if *principal.rights() == Rights::NONE {
            let caller = principal.caller();
            self.record(entry(caller, Action::Authenticate, None, Outcome::Denied)).await?;
            return Err(principal
                .may(Action::Authenticate, Resource::All)
                .err()
                .map_or(Error::Unauthenticated, Error::Denied));
        }
        self.record_sign_in(principal).await
    }
}

/// The row alone could be an older one that was put back: it must agree with what the log says was done last.
fn judge(token: Token, logged: Option<TokenMutation>, now: Timestamp) -> Judged {
    let outcome = match (token.state(now), logged) {
        (TokenState::Living, Some(TokenMutation::Made)) => return Ok(token),
        (TokenState::Expired, Some(TokenMutation::Made)) => Outcome::Expired,
        (TokenState::Revoked, Some(TokenMutation::Revoked)) => Outcome::Revoked,
        _ => Outcome::Tampered,
    };
    Err((outcome, Some(token.id)))
}
