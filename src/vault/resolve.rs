//! The values that a container asked for: all of them, or none.

use super::confine::Confined;
use super::{Error, Refusal, Vault, entry, load};
use crate::audit::{Entry, Outcome};
use crate::authz::{Action, Principal, Resource};
use crate::domain::{Container, FilePath, Object, ObjectId, RequestId, SecretBytes, Version};
use crate::store::{ReadTx, StoreError, StoredVersion};

/// One value that a container asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The variable or file that the value goes into.
    pub name: String,
    /// The path of a file in the container; `None` for a variable.
    pub path: Option<FilePath>,
    /// The secret.
    pub object: ObjectId,
    /// A pinned version, or the current one.
    pub version: Option<Version>,
}

impl Reference {
    /// The most references of one request.
    pub const MOST: usize = 1024;

    /// What a container's owner knows it by.
    fn shown(&self) -> &str {
        self.path.as_ref().map_or(&self.name, FilePath::as_str)
    }
}

/// What values are for. The permission is the same, the log tells them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A container that is about to be created.
    Create,
    /// A process that is about to start in a container that runs.
    Exec,
}

impl Purpose {
    fn action(self) -> Action {
        match self {
            Self::Create => Action::Inject,
            Self::Exec => Action::InjectExec,
        }
    }
}

/// Every value that was asked for, and the name of that.
pub struct Injected {
    /// The request, for a report of what became of it.
    pub id: RequestId,
    /// The values, in the order of the references.
    pub values: Vec<Resolved>,
}

/// One value and where it came from.
pub struct Resolved {
    /// The reference's name.
    pub name: String,
    /// The secret.
    pub object: ObjectId,
    /// The version.
    pub version: Version,
    /// The value.
    pub value: SecretBytes,
}

type Found = Result<(Object, StoredVersion), Refusal>;

impl Vault {
    /// Every value that was asked for, in order; each name's outcome is in the log before any value is opened.
    pub async fn resolve(
        &self,
        principal: &Principal,
        purpose: Purpose,
        container: Container,
        references: Vec<Reference>,
    ) -> Result<Injected, Error> {
        container.check()?;
        check(&references)?;
        let asked = Asked { principal: principal.clone(), purpose, container, confined: self.confined.clone() };
        self.permit_any(&asked, &references).await?;
        let vault = self.clone();
        let ((asked, references, found), recorded) = self
            .store
            .write(move |tx| {
                let found: Vec<Found> = references.iter().map(|r| asked.find(tx, r)).collect::<Result<_, _>>()?;
                let complete = found.iter().all(Result::is_ok);
                for (place, (reference, found)) in references.iter().zip(&found).enumerate() {
                    tx.append(&asked.entry(place, reference, found, complete))?;
                }
                // A process of a container has what that has; the inventory is of containers.
                if complete && asked.purpose == Purpose::Create {
                    let id = asked.principal.caller().request;
                    tx.insert_injection(id, references.len(), &asked.container, vault.processes.boot())?;
                }
                Ok((asked, references, found))
            })
            .await?;
        let found = complete(&references, found)?;
        let opened: Vec<_> = found.iter().map(|(object, stored)| self.open(object, stored, &recorded)).collect();
        let altered = |(name, object, reason)| (name, Refusal::Tampered { object, reason });
        let failures: Vec<_> = references
            .iter()
            .zip(&opened)
            .filter_map(|(r, o)| Some((r.shown().to_owned(), r.object.clone(), o.as_ref().err()?.to_string())))
            .map(altered)
            .collect();
        if !failures.is_empty() {
            return self.report_altered(&asked, &references, failures).await;
        }
        let resolved = references.into_iter().zip(found).zip(opened.into_iter().flatten());
        let values = resolved.map(|((r, (_, stored)), value)| Resolved {
            name: r.name,
            object: r.object,
            version: stored.info.version,
            value,
        });
        Ok(Injected { id: principal.caller().request, values: values.collect() })
    }

    /// Refuses who may inject nothing at all. Of many references one entry tells how many there were: no secret was looked
    /// at for them, and who has no right must not be able to fill the log. The answer is the same as to others.
    async fn permit_any(&self, asked: &Asked, references: &[Reference]) -> Result<(), Error> {
        let principal = &asked.principal;
        if references.len() < 2 || principal.may(Action::Inject, Resource::Some).is_ok() {
            return Ok(());
        }
        let mut refused = entry(principal.caller(), asked.purpose.action(), None, None, Outcome::Denied);
        refused.attributes.count = Some(references.len());
        refused.attributes.container = Some(asked.container.clone());
        self.record(refused).await?;
        Err(Error::Unresolved(
            references.iter().map(|r| (r.shown().to_owned(), Refusal::forbidden(&r.object))).collect(),
        ))
    }

    /// The log said that these would be opened; now it says that they were not.
    async fn report_altered<T>(
        &self,
        asked: &Asked,
        references: &[Reference],
        failures: Vec<(String, Refusal)>,
    ) -> Result<T, Error> {
        let altered = |r: &Reference| failures.iter().any(|(shown, _)| shown == r.shown());
        let entries: Vec<Entry> = references
            .iter()
            .enumerate()
            .map(|(place, r)| {
                asked.with(place, r, r.version, if altered(r) { Outcome::Tampered } else { Outcome::Withheld })
            })
            .collect();
        let id = asked.principal.caller().request;
        self.store
            .write(move |tx| {
                tx.remove_injection(id)?;
                entries.iter().try_for_each(|entry| tx.append(entry))
            })
            .await?;
        Err(Error::Unresolved(failures))
    }
}

/// Who asked, for what and for which container.
struct Asked {
    principal: Principal,
    purpose: Purpose,
    container: Container,
    confined: Confined,
}

impl Asked {
    fn find(&self, tx: &mut (impl ReadTx + ?Sized), reference: &Reference) -> Result<Found, StoreError> {
        let asked = load::Asked { principal: &self.principal, action: Action::Inject, id: &reference.object };
        let object = match load::living(tx, &asked)? {
            Ok((object, _)) => object,
            Err(refusal) => return Ok(Err(refusal)),
        };
        if !self.confined.allows(&self.container.id, &reference.object, reference.version) {
            return Ok(Err(Refusal::forbidden(&reference.object)));
        }
        let stored = load::version(tx, &object, reference.version)?;
        Ok(stored.map(|stored| (object, stored)))
    }

    fn entry(&self, place: usize, reference: &Reference, found: &Found, complete: bool) -> Entry {
        match found {
            Ok((_, stored)) if complete => self.with(place, reference, Some(stored.info.version), Outcome::Ok),
            Ok((_, stored)) => self.with(place, reference, Some(stored.info.version), Outcome::Withheld),
            Err(refusal) => self.with(place, reference, reference.version, refusal.outcome()),
        }
    }

    /// An entry; the first of a request says all that is known of the container, the others which one it is.
    fn with(&self, place: usize, reference: &Reference, version: Option<Version>, outcome: Outcome) -> Entry {
        let (caller, action) = (self.principal.caller(), self.purpose.action());
        let mut entry = entry(caller, action, Some(&reference.object), version, outcome);
        match &reference.path {
            None => entry.attributes.variable = Some(reference.name.clone()),
            Some(path) => entry.attributes.file = Some(path.clone()),
        }
        let container = if place == 0 { self.container.clone() } else { self.container.in_short() };
        entry.attributes.container = Some(container);
        entry
    }
}

/// All of them, or why not.
fn complete(references: &[Reference], found: Vec<Found>) -> Result<Vec<(Object, StoredVersion)>, Error> {
    let mut whole = Vec::with_capacity(found.len());
    let mut failures = Vec::new();
    for (reference, found) in references.iter().zip(found) {
        match found {
            Ok(found) => whole.push(found),
            Err(refusal) => failures.push((reference.shown().to_owned(), refusal)),
        }
    }
    if failures.is_empty() { Ok(whole) } else { Err(Error::Unresolved(failures)) }
}

fn check(references: &[Reference]) -> Result<(), Error> {
    if references.is_empty() {
        return Err(Error::Invalid("references is empty: a container that asks for nothing needs no call".to_owned()));
    }
    if references.len() > Reference::MOST {
        let count = references.len();
        return Err(Error::Invalid(format!("{count} references: at most {} are allowed", Reference::MOST)));
    }
    for (place, reference) in references.iter().enumerate() {
        let name = &reference.name;
        if name.is_empty() || name.len() > 255 || name.contains(['=', '\0']) {
            return Err(Error::Invalid(format!(
                "references[{place}].name is no variable name: expected 1 to 255 bytes without = and NUL"
            )));
        }
    }
    let mut places: Vec<_> = references.iter().map(|r| (r.path.is_some(), r.shown())).collect();
    places.sort_unstable();
    match places.windows(2).find(|pair| pair[0] == pair[1]) {
        Some([(false, name), _]) => Err(Error::Invalid(format!("variable {name} is asked for twice"))),
        Some([(true, path), _]) => Err(Error::Invalid(format!("file {path} is asked for twice"))),
        _ => Ok(()),
    }
}
