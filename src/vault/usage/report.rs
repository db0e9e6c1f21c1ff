//! What became of an injection, as the shim or the hook says.

use super::super::{Error, Vault, entry};
use super::{entries, entries_of_end};
use crate::audit::{Event, Outcome};
use crate::authz::{Action, Principal, Resource, Rights};
use crate::domain::{ActorId, Container, Injection, Process, RequestId};
use crate::store::{StoreError, WriteTx};

/// What became of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is there: this is its first process.
    Created(Process),
    /// It could not be created.
    Failed,
    /// It is about to be deleted, or has been.
    Deleted,
}

impl Vault {
    /// Notes what became of an injection. Only who was given the values may say so, and who may do everything.
    pub async fn report(&self, principal: &Principal, id: RequestId, fate: Fate) -> Result<(), Error> {
        self.permit(principal, Action::Inject, Resource::Some).await?;
        let (vault, principal) = (self.clone(), principal.clone());
        let (known, _) = self
            .store
            .write(move |tx| {
                let outcome = match tx.injection(id)? {
                    None => Outcome::Unknown,
                    Some(found) if !may_report(&principal, &found) => Outcome::Denied,
                    Some(found) => return vault.note(tx, &principal, found, fate).map(|()| true),
                };
                let mut refused = entry(principal.caller(), Action::Inject, None, None, outcome);
                refused.attributes.injection = Some(id);
                tx.append(&refused)?;
                Ok(false)
            })
            .await?;
        if known { Ok(()) } else { Err(Error::UnknownInjection { id }) }
    }

    /// Records that a container was refused before anything was asked for.
    pub async fn report_refused(
        &self,
        principal: &Principal,
        container: Container,
        reason: String,
    ) -> Result<(), Error> {
        container.check()?;
        self.permit(principal, Action::Inject, Resource::Some).await?;
        let mut refused = entry(principal.caller(), Action::Inject, None, None, Outcome::Failed);
        refused.attributes.container = Some(container);
        refused.attributes.reason = Some(reason);
        self.record(refused).await
    }

    fn note(
        &self,
        tx: &mut dyn WriteTx,
        principal: &Principal,
        mut injection: Injection,
        fate: Fate,
    ) -> Result<(), StoreError> {
        let id = injection.id;
        let record = |tx: &mut dyn WriteTx, event, injection: &Injection, outcome| {
            entries(principal.caller(), event, injection, outcome).iter().try_for_each(|entry| tx.append(entry))
        };
        match fate {
            // Told twice, since the first answer was lost; or somebody who would have it otherwise.
            Fate::Created(_) if injection.init.is_some() => Ok(()),
            Fate::Created(init) => {
                injection.init = Some(init);
                tx.confirm_injection(id, init)?;
                record(tx, Event::Injected, &injection, Outcome::Ok)
            }
            // It did not fail if it is there.
            Fate::Failed if injection.init.and_then(|init| self.processes.is_alive(init)) == Some(true) => Ok(()),
            Fate::Failed => {
                tx.remove_injection(id)?;
                record(tx, Event::Injected, &injection, Outcome::Failed)
            }
            // The runtime has yet to end it, or will refuse to: then it stays, until it is seen to have gone.
            Fate::Deleted if injection.init.and_then(|init| self.processes.is_alive(init)) == Some(true) => Ok(()),
            Fate::Deleted => {
                tx.remove_injection(id)?;
                entries_of_end(principal.caller(), &injection).iter().try_for_each(|entry| tx.append(entry))
            }
        }
    }
}

fn may_report(principal: &Principal, injection: &Injection) -> bool {
    *principal.rights() == Rights::All || ActorId::of(&principal.caller().identity) == injection.actor
}
