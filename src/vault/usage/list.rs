//! Which containers have which values.

use std::collections::BTreeMap;

use super::super::load::{self, Asked};
use super::super::{Error, Vault, entry};
use crate::audit::Outcome;
use crate::authz::{Action, Principal, Resource};
use crate::domain::{Container, Description, Injection, Object, ObjectId, Timestamp, Version};
use crate::store::{ReadTx, StoreError};

/// Which containers are wanted; all that meets each condition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UsageFilter {
    /// Only what holds this secret.
    pub object: Option<ObjectId>,
    /// Only versions that are not current, and deleted secrets.
    pub stale: bool,
    /// Only the container of this name, or whose id begins so.
    pub container: Option<String>,
}

/// A container that holds a version of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usage {
    /// The container.
    pub container: Container,
    /// The secret.
    pub object: ObjectId,
    /// What it is for.
    pub description: Description,
    /// The version that it holds.
    pub version: Version,
    /// The version that is current.
    pub current: Version,
    /// Whether the secret is deleted.
    pub deleted: bool,
    /// The variables that hold it.
    pub names: Vec<String>,
    /// Since when.
    pub since: Timestamp,
    /// Whether it is seen to run; if not, it may.
    pub runs: bool,
}

/// What still holds other versions than the one that counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StillHeld {
    /// By how many containers.
    pub containers: usize,
    /// Which versions, in order.
    pub versions: Vec<Version>,
}

impl Vault {
    /// What is held by the containers that run, or may run, of the secrets that the caller may describe; oldest first.
    pub async fn usage(&self, principal: &Principal, filter: UsageFilter) -> Result<Vec<Usage>, Error> {
        match &filter.object {
            None => drop(self.permit(principal, Action::Describe, Resource::Some).await?),
            Some(id) => self.permit_description(principal, id.clone()).await?,
        }
        let mut living = Vec::new();
        self.each_living(|injection, runs| {
            if is_wanted(&injection, &filter) {
                living.push((injection, runs));
            }
        })
        .await?;
        living.sort_by_key(|(injection, _)| (injection.at, injection.id.number()));
        let (asked, object) = (principal.clone(), filter.object.clone());
        let found = self.store.read(move |tx| select(tx, &living, &asked, &filter)).await?;
        let mut listed = entry(principal.caller(), Action::Describe, object.as_ref(), None, Outcome::Ok);
        listed.attributes.count = Some(found.len());
        self.record(listed).await?;
        Ok(found)
    }

    /// How many containers hold another version of a secret than the one that counts, which a deleted one has not; none for
    /// who may not describe it. For an answer that tells the caller of its own change: it leaves no entry beside that one's.
    pub async fn still_held(
        &self,
        principal: &Principal,
        object: &Object,
        counts: Option<Version>,
    ) -> Result<Option<StillHeld>, Error> {
        if principal.may(Action::Describe, Resource::Object(&object.id, Some(&object.labels))).is_err() {
            return Ok(None);
        }
        let mut versions: Vec<Version> = Vec::new();
        let mut containers = 0;
        self.each_living(|injection, _| {
            let held = injection.holds.iter().filter(|held| held.object == object.id);
            let before = versions.len();
            versions.extend(held.map(|held| held.version).filter(|version| Some(*version) != counts));
            containers += usize::from(versions.len() > before);
        })
        .await?;
        versions.sort_unstable();
        versions.dedup();
        Ok((containers > 0).then_some(StillHeld { containers, versions }))
    }

    /// The same question as to describe a secret; unknown and forbidden read the same.
    async fn permit_description(&self, principal: &Principal, id: ObjectId) -> Result<(), Error> {
        let (asked, about) = (principal.clone(), id.clone());
        let found = self
            .store
            .read(move |tx| load::object(tx, &Asked { principal: &asked, action: Action::Describe, id: &about }))
            .await?;
        let Err(refusal) = found else { return Ok(()) };
        self.record(entry(principal.caller(), Action::Describe, Some(&id), None, refusal.outcome())).await?;
        Err(Error::Refused(refusal))
    }
}

fn select(
    tx: &mut dyn ReadTx,
    living: &[(Injection, bool)],
    asked: &Principal,
    filter: &UsageFilter,
) -> Result<Vec<Usage>, StoreError> {
    let mut objects: BTreeMap<ObjectId, Option<Object>> = BTreeMap::new();
    let mut found = Vec::new();
    for (injection, runs) in living {
        for (id, version) in injection.versions() {
            if filter.object.as_ref().is_some_and(|wanted| wanted != id) {
                continue;
            }
            if !objects.contains_key(id) {
                objects.insert(id.clone(), tx.object(id)?);
            }
            let Some(Some(object)) = objects.get(id) else { continue };
            let resource = Resource::Object(id, Some(&object.labels));
            let (current, deleted) = (object.current.version, object.deleted_at.is_some());
            let stale = deleted || version != current;
            if (filter.stale && !stale) || asked.may(Action::Describe, resource).is_err() {
                continue;
            }
            let holds = injection.holds.iter().filter(|held| held.object == *id && held.version == version);
            found.push(Usage {
                container: injection.container.clone(),
                object: id.clone(),
                description: object.description.clone(),
                version,
                current,
                deleted,
                names: holds.map(|held| held.name.clone()).collect(),
                since: injection.at,
                runs: *runs,
            });
        }
    }
    Ok(found)
}

fn is_wanted(injection: &Injection, filter: &UsageFilter) -> bool {
    let Injection { container, holds, .. } = injection;
    let named = |wanted: &String| container.name == *wanted || container.id.starts_with(wanted.as_str());
    let has = |wanted: &ObjectId| holds.iter().any(|held| held.object == *wanted);
    filter.container.as_ref().is_none_or(named) && filter.object.as_ref().is_none_or(has)
}
