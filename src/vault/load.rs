//! Reading a secret, and noticing when the row is not the one that the log knows.

use crate::authz::{Action, Grant, Principal, Resource};
use crate::domain::{Object, ObjectId, Version, VersionInfo};
use crate::store::{ReadTx, StoreError, StoredVersion};

use super::Refusal;

/// What somebody wants to do to a secret.
pub(super) struct Asked<'a> {
    pub(super) principal: &'a Principal,
    pub(super) action: Action,
    pub(super) id: &'a ObjectId,
}

/// A secret, deleted or not, that agrees with the last entry of the log that changed it, if the caller may.
///
/// The question is decided after the reading, whatever that found: a secret that isn't there takes as long as one that
/// the caller may not know of. An older row that was put back still opens: its seal is genuine. What it can't do is
/// agree with the log.
pub(super) fn object(
    tx: &mut (impl ReadTx + ?Sized),
    asked: &Asked<'_>,
) -> Result<Result<(Object, Grant), Refusal>, StoreError> {
    let id = asked.id;
    let read = tx.object(id).and_then(|found| Ok((found, tx.last_mutation(id)?)));
    let read = sound(id, read)?;
    let labels = read.as_ref().ok().and_then(|(found, _)| found.as_ref()).map(|object| &object.labels);
    let Ok(grant) = asked.principal.may(asked.action, Resource::Object(id, labels)) else {
        return Ok(Err(Refusal::forbidden(id)));
    };
    let (found, logged) = match read {
        Ok(read) => read,
        Err(refusal) => return Ok(Err(refusal)),
    };
    Ok(match (found, logged) {
        (None, None) => Err(Refusal::unknown(id)),
        (Some(object), Some(last))
            if object.current.version == last.version && object.deleted_at.is_some() == last.deleted =>
        {
            Ok((object, grant))
        }
        _ => Err(Refusal::Tampered {
            object: id.clone(),
            reason: "its row does not agree with the audit log".to_owned(),
        }),
    })
}

/// The same, unless it is deleted.
pub(super) fn living(
    tx: &mut (impl ReadTx + ?Sized),
    asked: &Asked<'_>,
) -> Result<Result<(Object, Grant), Refusal>, StoreError> {
    Ok(object(tx, asked)?.and_then(|(object, grant)| match object.deleted_at {
        Some(at) => Err(Refusal::Deleted { object: object.id, at }),
        None => Ok((object, grant)),
    }))
}

/// A version whose value is still there; the current one if none is named.
pub(super) fn version(
    tx: &mut (impl ReadTx + ?Sized),
    object: &Object,
    wanted: Option<Version>,
) -> Result<Result<StoredVersion, Refusal>, StoreError> {
    let current = object.current.version;
    let version = wanted.unwrap_or(current);
    let id = || object.id.clone();
    if version > current {
        return Ok(Err(Refusal::UnknownVersion { object: id(), version, current }));
    }
    Ok(sound(&object.id, tx.version(&object.id, version))?.and_then(|found| match found {
        Some(stored) if stored.sealed.is_some() => Ok(stored),
        Some(_) if version < current => Err(Refusal::Destroyed { object: id(), version }),
        _ => Err(Refusal::Tampered { object: id(), reason: format!("its version {version} is missing") }),
    }))
}

/// The newest versions before the current one, newest first.
pub(super) fn previous(
    tx: &mut (impl ReadTx + ?Sized),
    object: &Object,
    most: u32,
) -> Result<Result<Vec<VersionInfo>, Refusal>, StoreError> {
    sound(&object.id, tx.versions_before(&object.id, object.current.version, most))
}

/// A row that makes no sense belongs to its secret alone: the refusal names it, and the log can say so.
fn sound<T>(id: &ObjectId, read: Result<T, StoreError>) -> Result<Result<T, Refusal>, StoreError> {
    match read {
        Err(StoreError::Malformed { reason, .. }) => {
            Ok(Err(Refusal::Tampered { object: id.clone(), reason: format!("its row makes no sense ({reason})") }))
        }
        read => read.map(Ok),
    }
}
