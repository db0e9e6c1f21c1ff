//! The statements that write.

use rusqlite::params;

use super::convert::{labels_text, number, store_error};
use super::state::one;
use super::token::permissions_text;
use super::{SqliteTx, injection, instance, state, tree};
use crate::audit::{Change, Entry, Event, Frontier, Outcome, Subject};
use crate::authz::{Action, Grant, Revocation, Token, TokenHash};
use crate::domain::{
    Container, Instance, KekState, Object, ObjectId, Process, RequestId, RootWrap, SealedValue, Timestamp, TokenId,
    Version, VersionInfo, WrappedAuditKey, WrappedKek,
};
use crate::seal::Voucher;
use crate::store::{StoreError, WriteTx};

impl WriteTx for SqliteTx<'_> {
    fn now(&self) -> Timestamp {
        self.now
    }

    fn probe(&mut self) -> Result<(), StoreError> {
        let at = self.now.as_microsecond();
        self.run(|tx| {
            tx.prepare_cached("INSERT OR REPLACE INTO meta (key, value) VALUES ('probed_at', ?1)")?.execute([at])
        })?;
        Ok(())
    }

    fn append(&mut self, entry: &Entry) -> Result<(), StoreError> {
        let bytes = entry.canonical(self.vault, self.now).map_err(|error| StoreError::Unavailable {
            path: self.path.to_owned(),
            reason: format!("an audit entry can't be written: {error}"),
        })?;
        let (object, version) = match &entry.subject {
            Some(Subject::Object { id, version }) => (Some(id.as_str()), version.map(number)),
            Some(Subject::Token(id)) => (Some(id.as_str()), None),
            Some(Subject::Instance(id)) => (Some(id.as_str()), None),
            Some(Subject::Key(_)) | None => (None, None),
        };
        let (index, at, mutation) = (self.tree.size(), self.now.as_microsecond(), mutation(entry));
        self.run(|tx| {
            tx.prepare_cached(
                "INSERT INTO audit (idx, at, object_id, version, mutation, entry) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![index, at, object, version, mutation, bytes])
            .and_then(one)
        })?;
        tree::push(self.tx, &mut self.tree, &bytes).map_err(|error| store_error(self.path, &error))?;
        if let (Some(subject), Some(mutation)) = (object, mutation) {
            let version = entry.subject.as_ref().and_then(Subject::version);
            let change = Change { index, version, ended: mutation == "delete" };
            let step = self.run(|tx| state::remember(tx, subject, change))?;
            self.steps.push(step);
        }
        self.opens.extend(entry.opens().map(|(object, version)| (object.clone(), version)));
        Ok(())
    }

    fn insert_object(&mut self, _: &Grant, object: &Object, sealed: &SealedValue) -> Result<(), StoreError> {
        self.run(|tx| {
            tx.prepare_cached(
                "INSERT INTO objects (object_id, description, revealable, labels, current) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![
                object.id.as_str(),
                object.description.as_str(),
                object.revealable,
                labels_text(&object.labels),
                number(object.current.version)
            ])
            .and_then(one)
        })?;
        self.add_version(&object.id, object.current, sealed)
    }

    fn insert_version(
        &mut self,
        _: &Grant,
        id: &ObjectId,
        info: VersionInfo,
        sealed: &SealedValue,
    ) -> Result<(), StoreError> {
        self.add_version(id, info, sealed)?;
        self.run(|tx| {
            tx.prepare_cached("UPDATE objects SET current = ?2 WHERE object_id = ?1")?
                .execute(params![id.as_str(), number(info.version)])
                .and_then(one)
        })
    }

    fn destroy_versions_before(&mut self, _: &Grant, id: &ObjectId, first_kept: Version) -> Result<(), StoreError> {
        let destroyed = self.run(|tx| {
            tx.prepare_cached(
                "UPDATE versions SET wrapped_dek = NULL, ciphertext = NULL \
                 WHERE object_id = ?1 AND version < ?2 AND wrapped_dek IS NOT NULL",
            )?
            .execute(params![id.as_str(), number(first_kept)])
        })?;
        self.destroyed |= destroyed > 0;
        self.all_destroyed(id, first_kept.get() - 1)
    }

    fn delete_object(&mut self, _: &Grant, id: &ObjectId, current: Version) -> Result<(), StoreError> {
        let at = self.now.as_microsecond();
        self.run(|tx| {
            tx.prepare_cached("UPDATE objects SET deleted_at = ?2 WHERE object_id = ?1")?
                .execute(params![id.as_str(), at])
                .and_then(one)?;
            tx.prepare_cached("UPDATE versions SET wrapped_dek = NULL, ciphertext = NULL WHERE object_id = ?1")?
                .execute([id.as_str()])
        })?;
        self.destroyed = true;
        self.all_destroyed(id, current.get())
    }

    fn insert_token(
        &mut self,
        _: &Grant,
        token: &Token,
        hash: &TokenHash,
        voucher: &Voucher,
    ) -> Result<(), StoreError> {
        self.run(|tx| {
            tx.prepare_cached(
                "INSERT INTO tokens \
                 (token_id, hash, name, description, created_at, expires_at, creator, permissions, voucher) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            )?
            .execute(params![
                token.id.as_str(),
                hash.as_bytes(),
                token.name.as_str(),
                token.description.as_str(),
                token.created_at.as_microsecond(),
                token.expires_at.as_microsecond(),
                token.creator.to_string(),
                permissions_text(&token.permissions),
                voucher.as_bytes(),
            ])
            .and_then(one)
        })
    }

    fn revoke_token(&mut self, _: &Grant, id: &TokenId, revocation: &Revocation) -> Result<(), StoreError> {
        let (at, by) = (revocation.at.as_microsecond(), revocation.by.to_string());
        self.run(|tx| {
            tx.prepare_cached("UPDATE tokens SET revoked_at = ?2, revoked_by = ?3 WHERE token_id = ?1")?
                .execute(params![id.as_str(), at, by])
                .and_then(one)
        })
    }

    fn put_instance(&mut self, instance: &Instance) -> Result<(), StoreError> {
        let body = instance::body(instance).map_err(|error| StoreError::Unavailable {
            path: self.path.to_owned(),
            reason: format!("an instance can't be written: {error}"),
        })?;
        self.run(|tx| instance::put(tx, instance, &body))
    }

    fn insert_injection(
        &mut self,
        id: RequestId,
        entries: usize,
        container: &Container,
        boot: &str,
    ) -> Result<(), StoreError> {
        let entries = entries as u64;
        let entry = self.tree.size().saturating_sub(entries);
        let new = injection::New { id, at: self.now, entry, entries, container, boot };
        self.run(|tx| injection::insert(tx, &new))
    }

    fn confirm_injection(&mut self, id: RequestId, init: Process) -> Result<(), StoreError> {
        self.run(|tx| injection::confirm(tx, id, init))
    }

    fn remove_injection(&mut self, id: RequestId) -> Result<(), StoreError> {
        self.run(|tx| injection::remove(tx, id))
    }

    fn insert_root_wrap(&mut self, wrap: &RootWrap) -> Result<(), StoreError> {
        self.run(|tx| {
            tx.execute(
                "INSERT INTO root_wraps (provider, parameters, wrapped) VALUES (?1, ?2, ?3)",
                params![wrap.provider, wrap.parameters, wrap.wrapped],
            )
            .and_then(one)
        })
    }

    fn log_tree(&self) -> &Frontier {
        &self.tree
    }

    fn insert_checkpoint(&mut self, size: u64, note: &str) -> Result<(), StoreError> {
        self.run(|tx| {
            tx.prepare_cached("INSERT INTO checkpoints (size, note) VALUES (?1, ?2)")?
                .execute(params![size, note])
                .and_then(one)
        })
    }

    fn insert_audit_key(&mut self, key: &WrappedAuditKey) -> Result<(), StoreError> {
        self.run(|tx| {
            tx.execute(
                "INSERT INTO audit_keys (id, public, wrapped) VALUES (0, ?1, ?2)",
                params![key.public, key.wrapped],
            )
            .and_then(one)
        })
    }

    fn insert_kek(&mut self, kek: &WrappedKek) -> Result<(), StoreError> {
        let state = match kek.state {
            KekState::Active => "active",
            KekState::Deactivated => "deactivated",
        };
        self.run(|tx| {
            tx.execute(
                "INSERT INTO keks (kek_id, state, wrapped) VALUES (?1, ?2, ?3)",
                params![kek.id.as_bytes(), state, kek.wrapped],
            )
            .and_then(one)
        })
    }

    fn rewrap_kek(&mut self, kek: &WrappedKek) -> Result<(), StoreError> {
        self.run(|tx| {
            tx.execute("UPDATE keks SET wrapped = ?2 WHERE kek_id = ?1", params![kek.id.as_bytes(), kek.wrapped])
                .and_then(one)
        })
    }
}

impl SqliteTx<'_> {
    fn add_version(&mut self, id: &ObjectId, info: VersionInfo, sealed: &SealedValue) -> Result<(), StoreError> {
        self.run(|tx| {
            tx.prepare_cached(
                "INSERT INTO versions (object_id, version, created_at, wrapped_dek, ciphertext) \
                 VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![
                id.as_str(),
                number(info.version),
                info.created_at.as_microsecond(),
                sealed.wrapped_dek,
                sealed.ciphertext
            ])
            .and_then(one)
        })
    }

    /// Each of the first versions has its row, and no key any more. One that an index hides, or that a trigger kept, would
    /// live on.
    fn all_destroyed(&self, id: &ObjectId, versions: u64) -> Result<(), StoreError> {
        let (rows, keys): (u64, usize) = self.run(|tx| {
            tx.prepare_cached(
                "SELECT count(*), count(wrapped_dek) FROM versions WHERE object_id = ?1 AND version <= ?2",
            )?
            .query_row(params![id.as_str(), versions], |row| Ok((row.get(0)?, row.get(1)?)))
        })?;
        if (rows, keys) == (versions, 0) {
            return Ok(());
        }
        let reason = format!("not every version of secret {id} can be destroyed");
        Err(StoreError::Damaged { path: self.path.to_owned(), reason })
    }
}

/// How the log remembers that an entry changed its secret or token.
fn mutation(entry: &Entry) -> Option<&'static str> {
    match (entry.outcome, entry.action) {
        (Outcome::Ok, Event::Access(Action::Create | Action::CreateToken)) => Some("create"),
        (Outcome::Ok, Event::Access(Action::Update)) => Some("update"),
        (Outcome::Ok, Event::Access(Action::Delete | Action::RevokeToken)) if entry.subject.is_some() => Some("delete"),
        _ => None,
    }
}
