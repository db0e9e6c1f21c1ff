//! What somebody who looks at the whole vault sees: parts of the list of secrets, the log as it is vouched for, the keys.

use std::collections::HashMap;

use super::{Error, Vault, entry};
use crate::audit::{Checkpoint, Frontier, Hash, Outcome, View};
use crate::authz::{Action, Principal, Resource};
use crate::domain::{LabelFilter, Object, ObjectId, Timestamp};
use crate::store::{ObjectsFrom, ReadTx, StoreError};

/// How many rows are read at once, and how many one page looks at: a search that finds few must not hold a reader for long.
const AT_ONCE: u32 = 500;
const LOOKED_AT: u32 = 20_000;
/// How many of a secret's last entries are looked through for an access.
const LAST_ENTRIES: u32 = 64;

/// Which secrets are wanted.
#[derive(Clone, Debug, Default)]
pub struct Search {
    /// Of these labels.
    pub labels: LabelFilter,
    /// With this text in the id, the description or a label, whatever its case.
    pub text: String,
}

/// A secret in the list.
pub struct Listed {
    /// The secret.
    pub object: Object,
    /// How many containers hold its current version.
    pub current: usize,
    /// How many hold another one.
    pub stale: usize,
    /// When a value of it last left the vault, if that is among its last entries.
    pub last_access: Option<Timestamp>,
}

/// A part of the list.
pub struct ObjectPage {
    /// The secrets.
    pub objects: Vec<Listed>,
    /// Where to go on, if there may be more.
    pub next: Option<u64>,
}

/// How far the log was checked.
#[derive(Clone, Debug)]
pub struct LogState {
    /// The number of entries.
    pub size: u64,
    /// The newest checkpoint's number of entries, if it is genuine and the log begins as it says.
    pub vouched: Option<u64>,
    /// The note itself.
    pub note: String,
}

/// What is known of the vault's keys.
#[derive(Clone, Debug)]
pub struct KeyFacts {
    /// What opens the vault.
    pub providers: Vec<String>,
    /// When its root key was made, if the log's start tells.
    pub made_at: Option<Timestamp>,
}

impl Vault {
    /// A part of the list of secrets that the caller may describe.
    pub async fn search(
        &self,
        principal: &Principal,
        search: Search,
        from: ObjectsFrom,
        most: usize,
    ) -> Result<ObjectPage, Error> {
        let grant = self.permit(principal, Action::List, Resource::Some).await?;
        let mut held: HashMap<ObjectId, Vec<_>> = HashMap::new();
        self.each_living(|injection, _| {
            for (id, version) in injection.versions() {
                held.entry(id.clone()).or_default().push(version);
            }
        })
        .await?;
        let asked = principal.clone();
        let page = self.store.read(move |tx| {
            let (found, next) = select(tx, &search, from, most, |object| {
                asked.may(Action::Describe, Resource::Object(&object.id, Some(&object.labels))).is_ok()
            })?;
            let objects = found.into_iter().map(|object| {
                let versions = held.get(&object.id).map(Vec::as_slice).unwrap_or_default();
                let current = versions.iter().filter(|version| **version == object.current.version).count();
                let (stale, last_access) = (versions.len() - current, last_access(tx, &object.id)?);
                Ok(Listed { object, current, stale, last_access })
            });
            Ok(ObjectPage { objects: objects.collect::<Result<_, StoreError>>()?, next })
        });
        let page = page.await;
        if let Err(StoreError::Malformed { object, .. }) = &page {
            let object = object.parse().ok();
            self.record(entry(principal.caller(), Action::List, object.as_ref(), None, Outcome::Tampered)).await?;
        }
        let page = page?;
        let mut listed = entry(grant.caller(), grant.action(), None, None, Outcome::Ok);
        listed.attributes.count = Some(page.objects.len());
        self.record(listed).await?;
        Ok(page)
    }

    /// The size of the log, and whether it begins as the newest checkpoint says.
    pub async fn log_state(&self, principal: &Principal) -> Result<LogState, Error> {
        self.permit(principal, Action::ListAudit, Resource::All).await?;
        let verifier = self.verifier();
        let state = self.store.read(move |tx| {
            let (size, note) = (tx.log_size()?, tx.last_checkpoint()?.unwrap_or_default());
            let vouched = match Checkpoint::open(&note, &verifier) {
                Ok(checkpoint) if checkpoint.size <= size => {
                    let same = Frontier::load(tx, checkpoint.size)?.root() == checkpoint.root;
                    same.then_some(checkpoint.size)
                }
                _ => None,
            };
            Ok(LogState { size, vouched, note })
        });
        Ok(state.await?)
    }

    /// Computes the tree over every entry anew, up to the newest checkpoint, and compares; that one's number of entries.
    pub async fn verify_log(&self, principal: &Principal) -> Result<u64, Error> {
        self.permit(principal, Action::ListAudit, Resource::All).await?;
        let broken = |reason: &str| Error::BrokenLog { reason: reason.to_owned() };
        let Some(note) = self.store.read(|tx| tx.last_checkpoint()).await? else {
            return Err(Error::Invalid("there is no checkpoint yet: try again in a second".to_owned()));
        };
        let checkpoint = Checkpoint::open(&note, &self.verifier());
        let checkpoint = checkpoint.map_err(|_| broken("its newest checkpoint is not genuine"))?;
        let mut tree = Frontier::default();
        while tree.size() < checkpoint.size {
            let (first, end) = (tree.size(), checkpoint.size);
            let leaves = self.store.read(move |tx| {
                let rows = tx.entries(first, 10_000, None)?;
                let wanted = rows.into_iter().zip(first..end).take_while(|(row, index)| row.index == *index);
                Ok(wanted.map(|(row, _)| Hash::of_leaf(&row.entry)).collect::<Vec<_>>())
            });
            let leaves = leaves.await?;
            if leaves.is_empty() {
                return Err(broken(&format!("entry {first} is missing")));
            }
            for leaf in leaves {
                tree.push(leaf, |_, _| {});
            }
        }
        if tree.root() != checkpoint.root {
            return Err(broken("its entries are not those of the newest checkpoint: see `ampoule audit verify`"));
        }
        Ok(checkpoint.size)
    }

    /// What is known of the vault's keys: names and times, which are no secret.
    pub async fn key_facts(&self) -> Result<KeyFacts, Error> {
        let facts = self.store.read(|tx| {
            let providers = tx.root_wraps()?.into_iter().map(|wrap| wrap.provider).collect();
            let first = tx.entries(0, LAST_ENTRIES, None)?;
            let mut views = first.iter().filter_map(|row| View::of(&row.entry).ok());
            let made_at = views.find(|view| view.action == "vault.key.create").map(|view| view.at);
            Ok(KeyFacts { providers, made_at })
        });
        Ok(facts.await?)
    }
}

fn select(
    tx: &mut dyn ReadTx,
    search: &Search,
    mut from: ObjectsFrom,
    most: usize,
    is_permitted: impl Fn(&Object) -> bool,
) -> Result<(Vec<Object>, Option<u64>), StoreError> {
    let text = search.text.trim().to_lowercase();
    let (mut found, mut looked_at) = (Vec::new(), 0);
    loop {
        let rows = tx.some_objects(from, AT_ONCE)?;
        let is_last = rows.len() < AT_ONCE as usize;
        for (place, object) in rows {
            // One more than the page holds: there is a next page, and it is not empty.
            let wanted = search.labels.selects(&object.labels) && has(&object, &text) && is_permitted(&object);
            if wanted && found.len() == most {
                let (ObjectsFrom::After(next) | ObjectsFrom::Before(next)) = from;
                return Ok((found, Some(next)));
            }
            from = match from {
                ObjectsFrom::After(_) => ObjectsFrom::After(place),
                ObjectsFrom::Before(_) => ObjectsFrom::Before(place),
            };
            if wanted {
                found.push(object);
            }
        }
        looked_at += AT_ONCE;
        if is_last {
            return Ok((found, None));
        }
        if looked_at >= LOOKED_AT {
            let (ObjectsFrom::After(next) | ObjectsFrom::Before(next)) = from;
            return Ok((found, Some(next)));
        }
    }
}

fn has(object: &Object, text: &str) -> bool {
    let within = |part: &str| part.to_lowercase().contains(text);
    text.is_empty()
        || object.id.as_str().contains(text)
        || within(object.description.as_str())
        || object.labels.iter().any(|label| within(label.name()) || within(label.value()))
}

fn last_access(tx: &mut dyn ReadTx, id: &ObjectId) -> Result<Option<Timestamp>, StoreError> {
    const ACCESSES: [Action; 3] = [Action::Inject, Action::InjectExec, Action::Reveal];
    let rows = tx.entries_before(u64::MAX, LAST_ENTRIES, Some(id))?;
    let mut views = rows.iter().filter_map(|row| View::of(&row.entry).ok());
    let is_access = |view: &View<'_>| {
        view.attributes.outcome == Outcome::Ok.as_str() && ACCESSES.iter().any(|action| action.as_str() == view.action)
    };
    Ok(views.find(is_access).map(|view| view.at))
}
