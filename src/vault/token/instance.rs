//! The token that an instance's containers are given: it ends with the instance, and can do no more than its maker.

use std::sync::Arc;

use super::super::{Error, InstanceRefusal, Vault};
use super::create::{LONGEST_LIFE, life_of_caller, micros, random};
use super::{entry, revoke};
use crate::audit::{Outcome, TokenFacts};
use crate::authz::{Action, BearerToken, Permission, Principal, Resource, ResourceType, Rights, Token, TokenHash};
use crate::domain::{ActorId, Caller, Description, Identity, Instance, RequestId, Status, TokenId};
use crate::seal::KeyError;
use crate::store::{StoreError, WriteTx};

/// What it may do to its instance, as far as the maker may. None of it gives away a secret of the vault: who starts a
/// command needs `inject` for what that is given, which this token never has.
const ACTIONS: [Action; 4] =
    [Action::DescribeInstance, Action::UpdateInstance, Action::ExecInstance, Action::DestroyInstance];

/// A token that will count once it is stored.
pub(in crate::vault) struct NewInstanceToken {
    id: TokenId,
    hash: TokenHash,
}

impl NewInstanceToken {
    pub(in crate::vault) fn random() -> Result<(BearerToken, Self), KeyError> {
        let (bearer, id) = random()?;
        let hash = bearer.hash();
        Ok((bearer, Self { id, hash }))
    }
}

impl Vault {
    /// Stores and records the token of an instance that `principal` makes in the same transaction.
    pub(in crate::vault) fn store_instance_token(
        &self,
        tx: &mut dyn WriteTx,
        principal: &Principal,
        instance: &Instance,
        new: NewInstanceToken,
    ) -> Result<Result<TokenId, Error>, StoreError> {
        let permissions = permissions(principal, instance);
        let resource = Resource::NewInstance(&instance.labels);
        let grant = match principal.may(Action::CreateInstance, resource) {
            Ok(grant) if !permissions.is_empty() => grant,
            Ok(_) => return Ok(Err(Error::Instance(InstanceRefusal::NoToken))),
            Err(denied) => return Ok(Err(Error::Denied(denied))),
        };
        let now = tx.now();
        let limit = match life_of_caller(tx, principal, now)? {
            Ok(limit) => limit,
            Err(refusal) => return Ok(Err(Error::Token(refusal))),
        };
        // Not the deadline: that can be moved, and the token ends with the instance in any case.
        let longest = now.saturating_add(LONGEST_LIFE).map_or(now, micros);
        let expires_at = limit.map_or(longest, |limit| limit.min(longest));
        let (Ok(name), Ok(description)) = (
            instance.id.as_str().parse(),
            Description::new("Given to the containers of this instance; ends with it".to_owned()),
        ) else {
            return Ok(Err(Error::Instance(InstanceRefusal::NoToken)));
        };
        let creator = ActorId::of(&principal.caller().identity);
        let NewInstanceToken { id, hash } = new;
        let token = Token { id, name, description, created_at: now, expires_at, revoked: None, creator, permissions };
        let Some(voucher) = self.vouch(&token, &hash) else { return Ok(Err(Error::Key(KeyError::NoActiveKek))) };
        tx.insert_token(&grant, &token, &hash, &voucher)?;
        let mut entry = entry(principal.caller(), Action::CreateToken, Some(&token.id), Outcome::Ok);
        let expires_at = Some(token.expires_at);
        entry.attributes.token = Some(TokenFacts { name: token.name, expires_at, permissions: token.permissions });
        tx.append(&entry)?;
        Ok(Ok(token.id))
    }
}

fn permissions(principal: &Principal, instance: &Instance) -> Vec<Permission> {
    let resource = Resource::Instance(&instance.id, Some(&instance.labels));
    let verbs = ACTIONS.into_iter().filter(|action| principal.may(*action, resource).is_ok()).map(Action::verb);
    let all = Permission::parse(ResourceType::Instance.as_str(), instance.id.as_str(), verbs);
    all.into_iter().collect()
}

/// Ends the token of an instance that is over or fails, in the transaction that says so: whoever dies after that, it counts
/// no more.
pub(in crate::vault) fn end_with(tx: &mut dyn WriteTx, instance: &Instance) -> Result<(), StoreError> {
    let ends = matches!(instance.status, Status::Destroying | Status::Destroyed | Status::Error);
    let Some(id) = instance.token.as_ref().filter(|_| ends) else { return Ok(()) };
    let Some(token) = tx.token(id)?.filter(|token| token.revoked.is_none()) else { return Ok(()) };
    let caller = Caller { identity: Identity::Daemon, request: RequestId::new(0) };
    let daemon = Principal::new(caller, Arc::new(Rights::All));
    if let Ok(grant) = daemon.may(Action::RevokeToken, Resource::Token(id)) {
        revoke::end(tx, &grant, token)?;
    }
    Ok(())
}
