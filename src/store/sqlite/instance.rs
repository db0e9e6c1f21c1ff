//! Rows about instances, as their type.

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};

use super::convert::{bad, parsed};
use super::state::one;
use crate::domain::devbox::{Devbox, DevboxName, Repository};
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
    /// Rows that are older have none.
    #[serde(default)]
    devbox: Option<StoredDevbox>,
    members: Vec<StoredMember>,
}

#[derive(Serialize, Deserialize)]
struct StoredDevbox {
    name: String,
    image: String,
    size: String,
    repository: Option<StoredRepository>,
    ephemeral: bool,
    secrets: Vec<(String, String)>,
}

#[derive(Serialize, Deserialize)]
struct StoredRepository {
    url: String,
    reference: Option<String>,
    credentials: Option<String>,
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

pub(super) fn devbox(tx: &Connection, name: &DevboxName) -> rusqlite::Result<Option<Instance>> {
    tx.prepare_cached("SELECT instance_id, body FROM instances WHERE devbox = ?1 AND over = 0")?
        .query_row([name.as_str()], read)
        .optional()
}

pub(super) fn devboxes(tx: &Connection) -> rusqlite::Result<Vec<Instance>> {
    tx.prepare_cached(
        "SELECT instance_id, body FROM instances WHERE devbox IS NOT NULL AND over = 0 ORDER BY instance_id",
    )?
    .query_map([], read)?
    .collect()
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
    let devbox = instance.devbox.as_ref().map(|devbox| devbox.name.as_str());
    // Not by REPLACE, which would remove another one of this name.
    tx.prepare_cached(
        "INSERT INTO instances (instance_id, over, body, devbox) VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT (instance_id) DO UPDATE SET over = excluded.over, body = excluded.body",
    )?
    .execute(params![instance.id.as_str(), instance.status.is_over(), body, devbox])
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
        devbox: instance.devbox.as_ref().map(StoredDevbox::of),
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
        devbox: stored.devbox.map(StoredDevbox::read).transpose()?,
        members: stored.members.into_iter().map(member).collect::<rusqlite::Result<_>>()?,
    })
}

impl StoredDevbox {
    fn of(devbox: &Devbox) -> Self {
        let repository = |repository: &Repository| StoredRepository {
            url: repository.url.to_string(),
            reference: repository.reference.as_ref().map(ToString::to_string),
            credentials: repository.credentials.as_ref().map(ToString::to_string),
        };
        Self {
            name: devbox.name.to_string(),
            image: devbox.image.to_string(),
            size: devbox.size.to_string(),
            repository: devbox.repository.as_ref().map(repository),
            ephemeral: devbox.ephemeral,
            secrets: devbox.secrets.iter().map(|(name, secret)| (name.to_string(), secret.to_string())).collect(),
        }
    }

    fn read(self) -> rusqlite::Result<Devbox> {
        let repository = |stored: StoredRepository| -> rusqlite::Result<Repository> {
            Ok(Repository {
                url: stored.url.parse().map_err(|e| bad(1, e))?,
                reference: stored.reference.map(|text| text.parse().map_err(|e| bad(1, e))).transpose()?,
                credentials: stored.credentials.map(|text| text.parse().map_err(|e| bad(1, e))).transpose()?,
            })
        };
        let secret = |(name, secret): (String, String)| -> rusqlite::Result<_> {
            Ok((name.parse().map_err(|e| bad(1, e))?, secret.parse().map_err(|e| bad(1, e))?))
        };
        Ok(Devbox {
            name: self.name.parse().map_err(|e| bad(1, e))?,
            image: self.image.parse().map_err(|e| bad(1, e))?,
            size: self.size.parse().map_err(|e| bad(1, e))?,
            repository: self.repository.map(repository).transpose()?,
            ephemeral: self.ephemeral,
            secrets: self.secrets.into_iter().map(secret).collect::<rusqlite::Result<_>>()?,
        })
    }
}
