//! Rows about instances, as their type.

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};

use super::convert::{bad, parsed};
use super::state::one;
use crate::domain::{Exported, Instance, InstanceId, Label, Labels, Member, Status, Timestamp};

#[derive(Serialize, Deserialize)]
struct Stored {
    created_at: Timestamp,
    destroyed_at: Option<Timestamp>,
    deadline: Option<Timestamp>,
    purpose: String,
    creator: String,
    labels: Vec<(String, String)>,
    cpus: Option<u32>,
    memory: Option<u32>,
    status: Status,
    reason: String,
    token: Option<String>,
    members: Vec<StoredMember>,
}

#[derive(Serialize, Deserialize)]
struct StoredMember {
    name: String,
    id: Option<String>,
    is_service: bool,
    references: Vec<String>,
    ports: Vec<Exported>,
}

pub(super) fn find(tx: &Connection, id: &InstanceId) -> rusqlite::Result<Option<Instance>> {
    tx.prepare_cached("SELECT instance_id, body FROM instances WHERE instance_id = ?1")?
        .query_row([id.as_str()], read)
        .optional()
}

pub(super) fn before(
    tx: &Connection,
    before: Option<&InstanceId>,
    most: u32,
    ended_too: bool,
) -> rusqlite::Result<Vec<Instance>> {
    // Greater than any identifier.
    let before = before.map_or("~", InstanceId::as_str);
    let which = if ended_too { "" } else { "over = 0 AND" };
    tx.prepare_cached(&format!(
        "SELECT instance_id, body FROM instances WHERE {which} instance_id < ?1 ORDER BY instance_id DESC LIMIT ?2"
    ))?
    .query_map(params![before, most], read)?
    .collect()
}

pub(super) fn put(tx: &Connection, instance: &Instance, body: &str) -> rusqlite::Result<()> {
    tx.prepare_cached("INSERT OR REPLACE INTO instances (instance_id, over, body) VALUES (?1, ?2, ?3)")?
        .execute(params![instance.id.as_str(), instance.status.is_over(), body])
        .and_then(one)
}

pub(super) fn body(instance: &Instance) -> serde_json::Result<String> {
    let member = |member: &Member| StoredMember {
        name: member.name.clone(),
        id: member.id.clone(),
        is_service: member.is_service,
        references: member.references.iter().map(ToString::to_string).collect(),
        ports: member.ports.clone(),
    };
    serde_json::to_string(&Stored {
        created_at: instance.created_at,
        destroyed_at: instance.destroyed_at,
        deadline: instance.deadline,
        purpose: instance.purpose.clone(),
        creator: instance.creator.to_string(),
        labels: instance.labels.iter().map(|label| (label.name().to_owned(), label.value().to_owned())).collect(),
        cpus: instance.cpus,
        memory: instance.memory,
        status: instance.status,
        reason: instance.reason.clone(),
        token: instance.token.as_ref().map(ToString::to_string),
        members: instance.members.iter().map(member).collect(),
    })
}

/// Reads a row of `instance_id, body`.
fn read(row: &Row<'_>) -> rusqlite::Result<Instance> {
    let stored: Stored = serde_json::from_str(&row.get::<_, String>(1)?).map_err(|e| bad(1, e))?;
    let labels = stored.labels.iter().map(|(name, value)| Label::new(name, value)).collect::<Result<_, _>>();
    let member = |member: StoredMember| {
        let references = member.references.iter().map(|text| text.parse()).collect::<Result<_, _>>();
        Ok(Member {
            name: member.name,
            id: member.id,
            is_service: member.is_service,
            references: references.map_err(|e: ampoule_proto::request::InvalidReference| bad(1, e))?,
            ports: member.ports,
        })
    };
    Ok(Instance {
        id: parsed(row, 0)?,
        created_at: stored.created_at,
        destroyed_at: stored.destroyed_at,
        deadline: stored.deadline,
        purpose: stored.purpose,
        creator: stored.creator.parse().map_err(|e| bad(1, e))?,
        labels: labels.map_err(|e| bad(1, e)).and_then(|labels| Labels::new(labels).map_err(|e| bad(1, e)))?,
        cpus: stored.cpus,
        memory: stored.memory,
        status: stored.status,
        reason: stored.reason,
        token: stored.token.map(|id| id.parse().map_err(|e| bad(1, e))).transpose()?,
        members: stored.members.into_iter().map(member).collect::<rusqlite::Result<_>>()?,
    })
}
