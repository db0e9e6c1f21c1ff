//! The statements that read.

use rusqlite::{Connection, OptionalExtension, ToSql, params};

use super::convert::{self, OBJECT_COLUMNS, bad, number, row_error, store_error};
use super::token::{self, TOKEN_COLUMNS};
use super::{SqliteTx, injection, instance, state, tree};
use crate::authz::{Token, TokenHash};
use crate::domain::devbox::DevboxName;
use crate::domain::{
    ActorId, Injection, Instance, InstanceId, KekId, KekState, Object, ObjectId, RequestId, RootWrap, Timestamp,
    TokenId, TokenName, VaultId, Version, VersionInfo, WrappedAuditKey, WrappedKek,
};
use crate::seal::Voucher;
use crate::store::{AuditRow, Mutation, ObjectOrder, ReadTx, StoreError, StoredVersion, TokenMutation};

impl SqliteTx<'_> {
    /// Runs statements and says what their failure means.
    pub(super) fn run<T>(&self, statements: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        statements(self.tx).map_err(|error| store_error(self.path, &error))
    }

    /// The same for statements about one secret.
    fn about<T>(
        &self,
        id: &ObjectId,
        statements: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        statements(self.tx).map_err(|error| row_error(self.path, id.as_str(), &error))
    }

    fn tokens_where(&self, condition: &str, parameters: &[&dyn ToSql]) -> Result<Vec<Token>, StoreError> {
        self.run(|tx| {
            tx.prepare_cached(&format!("SELECT {TOKEN_COLUMNS} FROM tokens WHERE {condition} ORDER BY seq"))?
                .query_map(parameters, token::read)?
                .collect()
        })
    }
}

impl ReadTx for SqliteTx<'_> {
    fn vault_id(&self) -> VaultId {
        self.vault
    }

    fn object(&mut self, id: &ObjectId) -> Result<Option<Object>, StoreError> {
        self.about(id, |tx| {
            tx.prepare_cached(&format!("SELECT {OBJECT_COLUMNS} FROM objects o WHERE o.object_id = ?1"))?
                .query_row([id.as_str()], convert::object)
                .optional()
        })
    }

    fn objects(&mut self) -> Result<Vec<Object>, StoreError> {
        let rows: Vec<(String, rusqlite::Result<Object>)> = self.run(|tx| {
            tx.prepare_cached(&format!(
                "SELECT {OBJECT_COLUMNS} FROM objects o WHERE o.deleted_at IS NULL ORDER BY o.seq"
            ))?
            .query_map([], |row| Ok((row.get(0)?, convert::object(row))))?
            .collect()
        })?;
        rows.into_iter().map(|(id, object)| object.map_err(|error| row_error(self.path, &id, &error))).collect()
    }

    fn some_objects(
        &mut self,
        order: ObjectOrder,
        behind: Option<u64>,
        most: u32,
    ) -> Result<Vec<(u64, Object)>, StoreError> {
        self.objects_in_order(order, behind, most)
    }

    fn versions_before(&mut self, id: &ObjectId, before: Version, most: u32) -> Result<Vec<VersionInfo>, StoreError> {
        self.about(id, |tx| {
            tx.prepare_cached(
                "SELECT version, created_at FROM versions WHERE object_id = ?1 AND version < ?2 \
                 ORDER BY version DESC LIMIT ?3",
            )?
            .query_map(params![id.as_str(), number(before), most], convert::version_info)?
            .collect()
        })
    }

    fn version(&mut self, id: &ObjectId, version: Version) -> Result<Option<StoredVersion>, StoreError> {
        self.about(id, |tx| {
            tx.prepare_cached(
                "SELECT version, created_at, wrapped_dek, ciphertext FROM versions \
                 WHERE object_id = ?1 AND version = ?2",
            )?
            .query_row(params![id.as_str(), number(version)], convert::stored_version)
            .optional()
        })
    }

    fn last_mutation(&mut self, id: &ObjectId) -> Result<Option<Mutation>, StoreError> {
        self.about(id, |tx| {
            let Some(change) = state::last_change(tx, id.as_str())? else { return Ok(None) };
            let version = change.version.ok_or_else(|| bad(2, NoVersion))?;
            Ok(Some(Mutation { version, deleted: change.ended }))
        })
    }

    fn entries(&mut self, first: u64, most: u32, object: Option<&ObjectId>) -> Result<Vec<AuditRow>, StoreError> {
        let first = i64::try_from(first).unwrap_or(i64::MAX);
        let about = if object.is_some() { "object_id = ?3 AND" } else { "?3 IS NULL AND" };
        self.run(|tx| {
            tx.prepare_cached(&format!("SELECT idx, entry FROM audit WHERE {about} idx >= ?1 ORDER BY idx LIMIT ?2"))?
                .query_map(params![first, most, object.map(ObjectId::as_str)], |row| {
                    Ok(AuditRow { index: row.get(0)?, entry: row.get(1)? })
                })?
                .collect()
        })
    }

    fn entries_before(
        &mut self,
        before: u64,
        most: u32,
        object: Option<&ObjectId>,
    ) -> Result<Vec<AuditRow>, StoreError> {
        let before = i64::try_from(before).unwrap_or(i64::MAX);
        let about = if object.is_some() { "object_id = ?3 AND" } else { "?3 IS NULL AND" };
        self.run(|tx| {
            tx.prepare_cached(&format!(
                "SELECT idx, entry FROM audit WHERE {about} idx < ?1 ORDER BY idx DESC LIMIT ?2"
            ))?
            .query_map(params![before, most, object.map(ObjectId::as_str)], |row| {
                Ok(AuditRow { index: row.get(0)?, entry: row.get(1)? })
            })?
            .collect()
        })
    }

    fn first_entry_since(&mut self, at: Timestamp) -> Result<u64, StoreError> {
        let at = at.as_microsecond();
        self.run(|tx| {
            let mut time = tx.prepare_cached("SELECT at FROM audit WHERE idx = ?1")?;
            // The log's times never go back, so the place can be halved.
            let (mut low, mut high) = (0, tree::size(tx)?);
            while low < high {
                let middle = low + (high - low) / 2;
                let earlier = time.query_row([middle], |row| Ok(row.get::<_, i64>(0)? < at))?;
                (low, high) = if earlier { (middle + 1, high) } else { (low, middle) };
            }
            Ok(low)
        })
    }

    fn log_size(&mut self) -> Result<u64, StoreError> {
        self.run(tree::size)
    }

    fn last_checkpoint(&mut self) -> Result<Option<String>, StoreError> {
        self.run(|tx| {
            tx.prepare_cached("SELECT note FROM checkpoints ORDER BY size DESC LIMIT 1")?
                .query_row([], |row| row.get(0))
                .optional()
        })
    }

    fn checkpoints(&mut self, first: u64, last: u64, most: u32) -> Result<Vec<(u64, String)>, StoreError> {
        self.run(|tx| {
            tx.prepare_cached("SELECT size, note FROM checkpoints WHERE size BETWEEN ?1 AND ?2 ORDER BY size LIMIT ?3")?
                .query_map(params![first, last, most], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect()
        })
    }

    fn last_checkpoint_size(&mut self) -> Result<Option<u64>, StoreError> {
        self.run(|tx| tx.prepare_cached("SELECT max(size) FROM checkpoints")?.query_row([], |row| row.get(0)))
    }

    fn audit_key(&mut self) -> Result<Option<WrappedAuditKey>, StoreError> {
        self.run(|tx| {
            tx.prepare("SELECT public, wrapped FROM audit_keys")?
                .query_row([], |row| Ok(WrappedAuditKey { public: row.get(0)?, wrapped: row.get(1)? }))
                .optional()
        })
    }

    fn token(&mut self, id: &TokenId) -> Result<Option<Token>, StoreError> {
        Ok(self.tokens_where("token_id = ?1", params![id.as_str()])?.pop())
    }

    fn token_of(&mut self, hash: &TokenHash) -> Result<Option<(Token, Voucher)>, StoreError> {
        self.run(|tx| {
            tx.prepare_cached(&format!("SELECT {TOKEN_COLUMNS}, voucher FROM tokens WHERE hash = ?1"))?
                .query_row([hash.as_bytes()], |row| Ok((token::read(row)?, token::voucher(row)?)))
                .optional()
        })
    }

    fn tokens_after(&mut self, place: u64, most: u32) -> Result<Vec<(u64, Token)>, StoreError> {
        let place = i64::try_from(place).unwrap_or(i64::MAX);
        self.run(|tx| {
            tx.prepare_cached(&format!("SELECT {TOKEN_COLUMNS}, seq FROM tokens WHERE seq > ?1 ORDER BY seq LIMIT ?2"))?
                .query_map(params![place, most], |row| Ok((row.get("seq")?, token::read(row)?)))?
                .collect()
        })
    }

    fn tokens_named(&mut self, name: &TokenName) -> Result<Vec<Token>, StoreError> {
        self.tokens_where("name = ?1", params![name.as_str()])
    }

    fn tokens_made_by(&mut self, creator: &ActorId) -> Result<Vec<Token>, StoreError> {
        // Not by an index, which could hide one from its end: this is rare, and tokens are few.
        self.tokens_where("+creator = ?1", params![creator.to_string()])
    }

    fn last_token_mutation(&mut self, id: &TokenId) -> Result<Option<TokenMutation>, StoreError> {
        let last = self.run(|tx| state::last_change(tx, id.as_str()))?;
        Ok(last.map(|change| if change.ended { TokenMutation::Revoked } else { TokenMutation::Made }))
    }

    fn instance(&mut self, id: &InstanceId) -> Result<Option<Instance>, StoreError> {
        self.run(|tx| instance::find(tx, id))
    }

    fn devbox(&mut self, name: &DevboxName) -> Result<Option<Instance>, StoreError> {
        self.run(|tx| instance::devbox(tx, name))
    }

    fn devboxes(&mut self) -> Result<Vec<Instance>, StoreError> {
        self.run(instance::devboxes)
    }

    fn instances(
        &mut self,
        before: Option<&InstanceId>,
        most: u32,
        ended_too: bool,
    ) -> Result<Vec<Instance>, StoreError> {
        self.run(|tx| instance::before(tx, before, most, ended_too))
    }

    fn injections_after(&mut self, last: Option<RequestId>, most: u32) -> Result<Vec<Injection>, StoreError> {
        self.run(|tx| injection::after(tx, last, most))
    }

    fn injection(&mut self, id: RequestId) -> Result<Option<Injection>, StoreError> {
        self.run(|tx| injection::find(tx, id))
    }

    fn root_wraps(&mut self) -> Result<Vec<RootWrap>, StoreError> {
        self.run(|tx| {
            tx.prepare("SELECT provider, parameters, wrapped FROM root_wraps ORDER BY id")?
                .query_map([], |row| {
                    Ok(RootWrap { provider: row.get(0)?, parameters: row.get(1)?, wrapped: row.get(2)? })
                })?
                .collect()
        })
    }

    fn keks(&mut self) -> Result<Vec<WrappedKek>, StoreError> {
        self.run(|tx| {
            tx.prepare("SELECT kek_id, state, wrapped FROM keks")?
                .query_map([], |row| {
                    let id: Vec<u8> = row.get(0)?;
                    let id = <[u8; KekId::LEN]>::try_from(id.as_slice()).map_err(|e| bad(0, e))?;
                    let active = row.get::<_, String>(1)? == "active";
                    let state = if active { KekState::Active } else { KekState::Deactivated };
                    Ok(WrappedKek { id: KekId::from_bytes(id), state, wrapped: row.get(2)? })
                })?
                .collect()
        })
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the log names no version of it")]
struct NoVersion;
