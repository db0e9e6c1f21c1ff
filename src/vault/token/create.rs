//! A new token.

use jiff::SignedDuration;

use super::super::{Error, Vault};
use super::{TokenRefusal, entry};
use crate::audit::{Outcome, TokenFacts};
use crate::authz::{Action, BearerToken, Grant, Permission, Principal, Resource, Token, TokenHash, TokenState};
use crate::domain::{ActorId, Description, Identity, Timestamp, TokenId, TokenName};
use crate::seal::KeyError;
use crate::store::{StoreError, WriteTx};

/// How long a token lives if its maker doesn't say.
const USUAL_LIFE: SignedDuration = SignedDuration::from_hours(30 * 24);
/// How long a token can live.
pub(super) const LONGEST_LIFE: SignedDuration = SignedDuration::from_hours(90 * 24);
/// The most permissions of one token: every request reads them.
const MOST_PERMISSIONS: usize = 256;

/// What a new token is made of.
pub struct NewToken {
    /// What people call it.
    pub name: TokenName,
    /// Free text.
    pub description: Description,
    /// When it ends by itself; 30 days from now if nobody says.
    pub expires_at: Option<Timestamp>,
    /// All that its holder may do.
    pub permissions: Vec<Permission>,
}

/// A new token, shown this once.
pub struct MadeToken {
    /// The token itself.
    pub bearer: BearerToken,
    /// What is known of it from now on.
    pub token: Token,
}

impl Vault {
    /// Makes a token that can do no more, and lives no longer, than its maker.
    pub async fn create_token(&self, principal: &Principal, new: NewToken) -> Result<MadeToken, Error> {
        check(&new, Timestamp::now())?;
        let (bearer, id) = random()?;
        let (vault, hash, principal) = (self.clone(), bearer.hash(), principal.clone());
        let (result, _) = self.store.write(move |tx| vault.store_token(tx, &principal, id, new, &hash)).await?;
        result?.map(|token| MadeToken { bearer, token }).map_err(Error::Token)
    }

    /// Decides, stores and records.
    fn store_token(
        &self,
        tx: &mut dyn WriteTx,
        principal: &Principal,
        id: TokenId,
        new: NewToken,
        hash: &TokenHash,
    ) -> Result<Result<Result<Token, TokenRefusal>, KeyError>, StoreError> {
        let mut facts = TokenFacts { name: new.name.clone(), expires_at: None, permissions: new.permissions.clone() };
        let (subject, outcome, result) = match decide(tx, principal, id, new)? {
            Ok((token, grant)) => {
                let Some(voucher) = self.vouch(&token, hash) else { return Ok(Err(KeyError::NoActiveKek)) };
                tx.insert_token(&grant, &token, hash, &voucher)?;
                facts.expires_at = Some(token.expires_at);
                (Some(token.id.clone()), Outcome::Ok, Ok(token))
            }
            Err(refusal) => (None, refusal.outcome(), Err(refusal)),
        };
        let mut entry = entry(principal.caller(), Action::CreateToken, subject.as_ref(), outcome);
        entry.attributes.token = Some(facts);
        tx.append(&entry)?;
        Ok(Ok(result))
    }
}

fn check(new: &NewToken, now: Timestamp) -> Result<(), Error> {
    if new.permissions.is_empty() {
        return Err(Error::Invalid("access.grants is empty: a token that may do nothing is of no use".to_owned()));
    }
    if new.permissions.len() > MOST_PERMISSIONS {
        return Err(Error::Invalid(format!("access.grants has more than {MOST_PERMISSIONS} items")));
    }
    match new.expires_at {
        Some(at) if at <= now => Err(Error::Invalid("expires_at is not in the future".to_owned())),
        Some(at) if at.duration_since(now) > LONGEST_LIFE => Err(Error::Invalid(
            "expires_at is more than 90 days from now, the longest that a token can live".to_owned(),
        )),
        _ => Ok(()),
    }
}

pub(super) fn random() -> Result<(BearerToken, TokenId), KeyError> {
    let failed = |error: getrandom::Error| KeyError::NoRandomness { reason: error.to_string() };
    let (mut secret, mut id) = (zeroize::Zeroizing::new([0; 32]), [0; 20]);
    getrandom::fill(&mut *secret).map_err(failed)?;
    getrandom::fill(&mut id).map_err(failed)?;
    Ok((BearerToken::from_random(&secret), TokenId::from_random(id)))
}

fn decide(
    tx: &mut dyn WriteTx,
    principal: &Principal,
    id: TokenId,
    new: NewToken,
) -> Result<Result<(Token, Grant), TokenRefusal>, StoreError> {
    let grant = match principal.may(Action::CreateToken, Resource::All) {
        Ok(grant) => grant,
        Err(denied) => return Ok(Err(TokenRefusal::Denied(denied))),
    };
    let now = tx.now();
    let limit = match life_of_caller(tx, principal, now)? {
        Ok(limit) => limit,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let expires_at = match (new.expires_at, now.saturating_add(USUAL_LIFE).map_or(now, micros), limit) {
        (Some(wanted), _, Some(limit)) if wanted > limit => return Ok(Err(TokenRefusal::Outlives { limit })),
        (Some(wanted), ..) => micros(wanted),
        (None, usual, limit) => limit.map_or(usual, |limit| usual.min(limit)),
    };
    for permission in &new.permissions {
        if let Some(action) = principal.rights().exceeded_by(permission) {
            return Ok(Err(TokenRefusal::Exceeds { action, resources: permission.resource_id() }));
        }
    }
    let named = tx.tokens_named(&new.name)?;
    if named.iter().any(|token| token.state(now) == TokenState::Living) {
        return Ok(Err(TokenRefusal::NameTaken { name: new.name }));
    }
    let NewToken { name, description, permissions, .. } = new;
    let creator = ActorId::of(&principal.caller().identity);
    let token = Token { id, name, description, created_at: now, expires_at, revoked: None, creator, permissions };
    Ok(Ok((token, grant)))
}

/// When the caller's own token ends, read here once more: a revocation that came between must not leave a child behind.
pub(super) fn life_of_caller(
    tx: &mut dyn WriteTx,
    principal: &Principal,
    now: Timestamp,
) -> Result<Result<Option<Timestamp>, TokenRefusal>, StoreError> {
    let Identity::Token { id, .. } = &principal.caller().identity else { return Ok(Ok(None)) };
    let living = tx.token(id)?.filter(|token| token.state(now) == TokenState::Living);
    Ok(living.map(|token| Some(token.expires_at)).ok_or(TokenRefusal::CallerEnded))
}

/// The store counts in microseconds; what is given out must equal what is read back.
pub(super) fn micros(time: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(time.as_microsecond()).unwrap_or(time)
}
