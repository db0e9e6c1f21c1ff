//! Parts of the list of secrets, in an order.

use rusqlite::params;

use super::SqliteTx;
use super::convert::{self, OBJECT_COLUMNS, row_error};
use crate::domain::Object;
use crate::store::{ObjectOrder, StoreError};

/// Those behind the place `?1`, which is a row that may be deleted by now; each condition is met by going along an index.
const OLDEST: &str = "o.seq > ?1 ORDER BY o.seq";
const NEWEST: &str = "o.seq < ?1 ORDER BY o.seq DESC";
const BY_ID: &str = "o.object_id > coalesce((SELECT object_id FROM objects WHERE seq = ?1), '') ORDER BY o.object_id";
const DESCRIBED: &str = "(o.description, o.seq) > \
     (coalesce((SELECT description FROM objects WHERE seq = ?1), '') COLLATE NOCASE, coalesce(nullif(?1, 0), 1 << 62)) \
     ORDER BY o.description COLLATE NOCASE, o.seq";
const NOT_DESCRIBED: &str = "o.description COLLATE NOCASE = '' AND o.seq > ?1 ORDER BY o.seq";
const BY_VERSION: &str = "(o.current, o.seq) < (coalesce((SELECT current FROM objects WHERE seq = ?1), 1 << 62), ?1) \
     ORDER BY o.current DESC, o.seq DESC";

impl SqliteTx<'_> {
    pub(super) fn objects_in_order(
        &self,
        order: ObjectOrder,
        behind: Option<u64>,
        most: u32,
    ) -> Result<Vec<(u64, Object)>, StoreError> {
        let last = u64::MAX >> 1;
        match order {
            ObjectOrder::Oldest => self.objects_behind(OLDEST, behind.unwrap_or(0), most),
            ObjectOrder::Newest => self.objects_behind(NEWEST, behind.unwrap_or(last), most),
            ObjectOrder::Id => self.objects_behind(BY_ID, behind.unwrap_or(0), most),
            ObjectOrder::Version => self.objects_behind(BY_VERSION, behind.unwrap_or(last), most),
            ObjectOrder::Description => {
                let place = behind.unwrap_or(0);
                if place > 0 && !self.is_described(place)? {
                    return self.objects_behind(NOT_DESCRIBED, place, most);
                }
                let mut found = self.objects_behind(DESCRIBED, place, most)?;
                if let Some(more @ 1..) = most.checked_sub(u32::try_from(found.len()).unwrap_or(most)) {
                    found.extend(self.objects_behind(NOT_DESCRIBED, 0, more)?);
                }
                Ok(found)
            }
        }
    }

    fn is_described(&self, place: u64) -> Result<bool, StoreError> {
        let place = i64::try_from(place).unwrap_or(i64::MAX);
        self.run(|tx| {
            tx.prepare_cached("SELECT EXISTS (SELECT 1 FROM objects WHERE seq = ?1 AND description <> '')")?
                .query_row([place], |row| row.get(0))
        })
    }

    fn objects_behind(&self, condition: &str, place: u64, most: u32) -> Result<Vec<(u64, Object)>, StoreError> {
        let place = i64::try_from(place).unwrap_or(i64::MAX);
        let rows: Vec<(String, rusqlite::Result<(u64, Object)>)> = self.run(|tx| {
            tx.prepare_cached(&format!(
                "SELECT {OBJECT_COLUMNS}, o.seq FROM objects o WHERE o.deleted_at IS NULL AND {condition} LIMIT ?2"
            ))?
            .query_map(params![place, most], |row| {
                let object = convert::object(row).and_then(|object| Ok((row.get("seq")?, object)));
                Ok((row.get(0)?, object))
            })?
            .collect()
        })?;
        rows.into_iter().map(|(id, object)| object.map_err(|error| row_error(self.path, &id, &error))).collect()
    }
}
