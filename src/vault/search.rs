//! Parts of the list of secrets, for people: searched, and in the order that they want.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::str::FromStr;

use super::{Error, Vault, entry};
use crate::audit::{Outcome, View};
use crate::authz::{Action, Principal, Resource};
use crate::domain::{LabelFilter, Object, ObjectId, Timestamp, Version};
use crate::store::{ObjectOrder, ReadTx, StoreError};

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
    /// Which come first.
    pub order: Order,
}

/// Which secrets come first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// The newest.
    #[default]
    Newest,
    /// The oldest.
    Oldest,
    /// Those with the first id.
    Id,
    /// Those with the first description.
    Description,
    /// Those with the highest version.
    Version,
    /// Those that something had access to last.
    Accessed,
    /// Those that most containers hold.
    Held,
}

/// Where a part of the list ends, for the next one to begin there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Among those that the order puts to the front: an entry of the log, or a place among those that are held.
    Front(u64),
    /// Among the others: a row.
    Row(u64),
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
    pub next: Option<Place>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Front(place) => write!(f, "f{place}"),
            Self::Row(place) => write!(f, "{place}"),
        }
    }
}

impl FromStr for Place {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_prefix('f') {
            Some(place) => place.parse().map(Self::Front),
            None => text.parse().map(Self::Row),
        }
    }
}

/// The versions that containers hold.
type Held = HashMap<ObjectId, Vec<Version>>;

impl Vault {
    /// A part of the list of secrets that the caller may describe.
    pub async fn search(
        &self,
        principal: &Principal,
        search: Search,
        from: Option<Place>,
        most: usize,
    ) -> Result<ObjectPage, Error> {
        let grant = self.permit(principal, Action::List, Resource::Some).await?;
        let mut held = Held::new();
        self.each_living(|injection, _| {
            for (id, version) in injection.versions() {
                held.entry(id.clone()).or_default().push(version);
            }
        })
        .await?;
        let asked = principal.clone();
        let page = self.store.read(move |tx| {
            let text = search.text.trim().to_lowercase();
            let mut walk =
                Walk { tx, text, search: &search, asked: &asked, most, found: Vec::new(), looked_at: 0, held: &held };
            let next = walk.go(from)?;
            let objects = std::mem::take(&mut walk.found).into_iter().map(|object| {
                let versions = held.get(&object.id).map(Vec::as_slice).unwrap_or_default();
                let current = versions.iter().filter(|version| **version == object.current.version).count();
                let (stale, last_access) = (versions.len() - current, last_access(walk.tx, &object.id)?);
                Ok(Listed { object, current, stale, last_access: last_access.map(|(_, at)| at) })
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
}

/// A way along the secrets, until a page is full or enough was looked at.
struct Walk<'a> {
    tx: &'a mut dyn ReadTx,
    search: &'a Search,
    text: String,
    asked: &'a Principal,
    held: &'a Held,
    most: usize,
    found: Vec<Object>,
    looked_at: u32,
}

impl<'a> Walk<'a> {
    /// Fills the page; where the next one begins.
    fn go(&mut self, from: Option<Place>) -> Result<Option<Place>, StoreError> {
        let row = match from {
            Some(Place::Row(row)) => Some(row),
            _ => None,
        };
        let order = match self.search.order {
            Order::Newest => ObjectOrder::Newest,
            Order::Oldest => ObjectOrder::Oldest,
            Order::Id => ObjectOrder::Id,
            Order::Description => ObjectOrder::Description,
            Order::Version => ObjectOrder::Version,
            Order::Accessed | Order::Held => {
                if row.is_none() {
                    let front = match from {
                        Some(Place::Front(place)) => Some(place),
                        _ => None,
                    };
                    let next = if self.search.order == Order::Held {
                        self.held(front.unwrap_or(0))?
                    } else {
                        self.accessed(front.unwrap_or(u64::MAX))?
                    };
                    if next.is_some() {
                        return Ok(next.map(Place::Front));
                    }
                }
                ObjectOrder::Newest
            }
        };
        Ok(self.rows(order, row)?.map(Place::Row))
    }

    /// Goes along the rows behind this one.
    fn rows(&mut self, order: ObjectOrder, mut behind: Option<u64>) -> Result<Option<u64>, StoreError> {
        loop {
            let rows = self.tx.some_objects(order, behind, AT_ONCE)?;
            let is_last = rows.len() < AT_ONCE as usize;
            for (place, object) in rows {
                let wanted = self.is_wanted(&object) && !self.was_in_front(&object.id)?;
                // One more than the page holds: there is a next page, and it is not empty.
                if wanted && self.found.len() == self.most {
                    // If it was full before the first row, that is of the newest.
                    return Ok(Some(behind.unwrap_or(u64::MAX)));
                }
                behind = Some(place);
                if wanted {
                    self.found.push(object);
                }
                self.looked_at += 1;
                if self.looked_at >= LOOKED_AT {
                    return Ok(behind);
                }
            }
            if is_last {
                return Ok(None);
            }
        }
    }

    /// Goes along the accesses before this entry, newest first: each secret is where its last one is.
    fn accessed(&mut self, mut before: u64) -> Result<Option<u64>, StoreError> {
        let mut seen = HashSet::new();
        loop {
            let rows = self.tx.entries_before(before, AT_ONCE, None)?;
            let is_last = rows.len() < AT_ONCE as usize;
            for row in rows {
                let view = View::of(&row.entry).ok().filter(is_access);
                let id: Option<ObjectId> = view.and_then(|view| view.object()?.parse().ok());
                if let Some(id) = id.filter(|id| !seen.contains(id)) {
                    self.looked_at += LAST_ENTRIES;
                    let is_its_last = last_access(self.tx, &id)?.is_some_and(|(index, _)| index == row.index);
                    let object = if is_its_last { self.tx.object(&id)? } else { None };
                    if let Some(object) = object.filter(|object| object.deleted_at.is_none() && self.is_wanted(object))
                    {
                        if self.found.len() == self.most {
                            return Ok(Some(before));
                        }
                        self.found.push(object);
                    }
                    seen.insert(id);
                }
                before = row.index;
                self.looked_at += 1;
                if self.looked_at >= LOOKED_AT {
                    return Ok(Some(before));
                }
            }
            if is_last {
                return Ok(None);
            }
        }
    }

    /// Goes along those that are held, most of all first, from this one on.
    fn held(&mut self, first: u64) -> Result<Option<u64>, StoreError> {
        let held: &'a Held = self.held;
        let mut all: Vec<(Reverse<usize>, &ObjectId)> =
            held.iter().map(|(id, versions)| (Reverse(versions.len()), id)).collect();
        all.sort_unstable();
        for (place, (_, id)) in (0..).zip(all).skip_while(|(place, _)| *place < first) {
            if self.looked_at >= LOOKED_AT {
                return Ok(Some(place));
            }
            self.looked_at += 1;
            let object = self.tx.object(id)?.filter(|object| object.deleted_at.is_none());
            if let Some(object) = object.filter(|object| self.is_wanted(object)) {
                if self.found.len() == self.most {
                    return Ok(Some(place));
                }
                self.found.push(object);
            }
        }
        Ok(None)
    }

    /// Whether a secret that is come to along the rows has been in the list before.
    fn was_in_front(&mut self, id: &ObjectId) -> Result<bool, StoreError> {
        match self.search.order {
            Order::Held => Ok(self.held.contains_key(id)),
            Order::Accessed => {
                self.looked_at += LAST_ENTRIES / 2;
                Ok(last_access(self.tx, id)?.is_some())
            }
            _ => Ok(false),
        }
    }

    fn is_wanted(&self, object: &Object) -> bool {
        let within = |part: &str| part.to_lowercase().contains(&self.text);
        let has_text = || {
            self.text.is_empty()
                || object.id.as_str().contains(&self.text)
                || within(object.description.as_str())
                || object.labels.iter().any(|label| within(label.name()) || within(label.value()))
        };
        self.search.labels.selects(&object.labels)
            && has_text()
            && self.asked.may(Action::Describe, Resource::Object(&object.id, Some(&object.labels))).is_ok()
    }
}

fn is_access(view: &View<'_>) -> bool {
    const ACCESSES: [Action; 3] = [Action::Inject, Action::InjectExec, Action::Reveal];
    view.attributes.outcome == Outcome::Ok.as_str() && ACCESSES.iter().any(|action| action.as_str() == view.action)
}

/// The entry of a secret's last access, and when that was.
fn last_access(tx: &mut dyn ReadTx, id: &ObjectId) -> Result<Option<(u64, Timestamp)>, StoreError> {
    let rows = tx.entries_before(u64::MAX, LAST_ENTRIES, Some(id))?;
    let mut views = rows.iter().filter_map(|row| Some((row.index, View::of(&row.entry).ok()?)));
    Ok(views.find(|(_, view)| is_access(view)).map(|(index, view)| (index, view.at)))
}
