//! Rows about tokens, as their type.

use rusqlite::Row;
use serde::Deserialize;

use super::convert::{bad, parsed, time};
use crate::authz::{Permission, Revocation, Token};
use crate::domain::{Description, Timestamp};
use crate::seal::Voucher;

/// The columns that [`read`] reads.
pub(super) const TOKEN_COLUMNS: &str =
    "token_id, name, description, created_at, expires_at, revoked_at, revoked_by, creator, permissions";

pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Token> {
    Ok(Token {
        id: parsed(row, 0)?,
        name: parsed(row, 1)?,
        description: Description::new(row.get(2)?).map_err(|e| bad(2, e))?,
        created_at: time(row, 3)?,
        expires_at: time(row, 4)?,
        revoked: revocation(row)?,
        creator: parsed(row, 7)?,
        permissions: permissions(row, 8)?,
    })
}

fn revocation(row: &Row<'_>) -> rusqlite::Result<Option<Revocation>> {
    let Some(at) = row.get::<_, Option<i64>>(5)? else { return Ok(None) };
    let at = Timestamp::from_microsecond(at).map_err(|e| bad(5, e))?;
    Ok(Some(Revocation { at, by: parsed(row, 6)? }))
}

pub(super) fn voucher(row: &Row<'_>) -> rusqlite::Result<Voucher> {
    row.get("voucher").map(Voucher::from_bytes)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    resource_type: String,
    resource_id: String,
    actions: Vec<String>,
}

/// Permissions as JSON, with a fixed order of keys.
pub(super) fn permissions_text(permissions: &[Permission]) -> String {
    let stored = permissions.iter().map(|permission| {
        let actions: Vec<&str> = permission.verbs().collect();
        serde_json::json!({
            "resource_type": permission.resource_type().as_str(),
            "resource_id": permission.resource_id(),
            "actions": actions,
        })
    });
    serde_json::Value::Array(stored.collect()).to_string()
}

fn permissions(row: &Row<'_>, column: usize) -> rusqlite::Result<Vec<Permission>> {
    let stored: Vec<Stored> = serde_json::from_str(&row.get::<_, String>(column)?).map_err(|e| bad(column, e))?;
    let parse = |stored: &Stored| {
        Permission::parse(&stored.resource_type, &stored.resource_id, stored.actions.iter().map(String::as_str))
    };
    stored.iter().map(parse).collect::<Result<_, _>>().map_err(|e| bad(column, e))
}
