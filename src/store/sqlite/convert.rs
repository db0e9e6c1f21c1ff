//! Rows and errors of SQLite, as the domain's types.

use std::path::Path;

use rusqlite::types::Type;
use rusqlite::{ErrorCode, Row};

use crate::domain::{Description, Label, Labels, Object, SealedValue, Timestamp, Version, VersionInfo};
use crate::store::{StoreError, StoredVersion};

/// The columns that [`object`] reads.
pub(super) const OBJECT_COLUMNS: &str = "o.object_id, o.description, o.revealable, o.labels, o.current, o.deleted_at, \
     (SELECT v.created_at FROM versions v WHERE v.object_id = o.object_id AND v.version = o.current) AS created_at";

pub(super) fn object(row: &Row<'_>) -> rusqlite::Result<Object> {
    let deleted_at: Option<i64> = row.get(5)?;
    Ok(Object {
        id: parsed(row, 0)?,
        description: Description::new(row.get(1)?).map_err(|e| bad(1, e))?,
        revealable: row.get(2)?,
        labels: labels(row, 3)?,
        current: VersionInfo { version: version(row, 4)?, created_at: time(row, 6)? },
        deleted_at: deleted_at.map(|at| Timestamp::from_microsecond(at).map_err(|e| bad(5, e))).transpose()?,
    })
}

pub(super) fn stored_version(row: &Row<'_>) -> rusqlite::Result<StoredVersion> {
    let wrapped_dek: Option<Vec<u8>> = row.get(2)?;
    let ciphertext: Option<Vec<u8>> = row.get(3)?;
    let sealed = wrapped_dek.zip(ciphertext).map(|(wrapped_dek, ciphertext)| SealedValue { wrapped_dek, ciphertext });
    Ok(StoredVersion { info: version_info(row)?, sealed })
}

pub(super) fn version_info(row: &Row<'_>) -> rusqlite::Result<VersionInfo> {
    Ok(VersionInfo { version: version(row, 0)?, created_at: time(row, 1)? })
}

pub(super) fn version(row: &Row<'_>, column: usize) -> rusqlite::Result<Version> {
    let number: i64 = row.get(column)?;
    u64::try_from(number).ok().and_then(Version::new).ok_or(rusqlite::Error::IntegralValueOutOfRange(column, number))
}

/// A version as SQLite counts.
pub(super) fn number(version: Version) -> i64 {
    i64::try_from(version.get()).unwrap_or(i64::MAX)
}

pub(super) fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    Timestamp::from_microsecond(row.get(column)?).map_err(|e| bad(column, e))
}

pub(super) fn labels_text(labels: &Labels) -> String {
    let pairs: Vec<(&str, &str)> = labels.iter().map(|label| (label.name(), label.value())).collect();
    serde_json::json!(pairs).to_string()
}

fn labels(row: &Row<'_>, column: usize) -> rusqlite::Result<Labels> {
    let text: String = row.get(column)?;
    let pairs: Vec<(String, String)> = serde_json::from_str(&text).map_err(|e| bad(column, e))?;
    let labels: Result<Vec<Label>, _> = pairs.iter().map(|(name, value)| Label::new(name, value)).collect();
    Labels::new(labels.map_err(|e| bad(column, e))?).map_err(|e| bad(column, e))
}

pub(super) fn parsed<T>(row: &Row<'_>, column: usize) -> rusqlite::Result<T>
where
    T: std::str::FromStr<Err: std::error::Error + Send + Sync + 'static>,
{
    row.get::<_, String>(column)?.parse().map_err(|e| bad(column, e))
}

/// A column that holds what this program never wrote.
pub(super) fn bad(column: usize, error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error))
}

/// What an error of SQLite means to a caller.
pub(super) fn store_error(path: &Path, error: &rusqlite::Error) -> StoreError {
    let (path, reason) = (path.to_owned(), error.to_string());
    // No statement here breaks a constraint unless what it has read before is wrong.
    let corrupt = matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::ConstraintViolation)
    );
    // What a statement changes is known before, too.
    let corrupt = corrupt || matches!(error, rusqlite::Error::StatementChangedRows(_));
    if corrupt || is_malformed(error) {
        StoreError::Damaged { path, reason }
    } else {
        StoreError::Unavailable { path, reason }
    }
}

/// The same where the statement is about one secret: a row that makes no sense then has a name.
pub(super) fn row_error(path: &Path, object: &str, error: &rusqlite::Error) -> StoreError {
    if is_malformed(error) {
        return StoreError::Malformed { object: object.to_owned(), reason: error.to_string() };
    }
    store_error(path, error)
}

/// Whether a column holds what this program never wrote.
fn is_malformed(error: &rusqlite::Error) -> bool {
    use rusqlite::Error as E;
    matches!(
        error,
        E::FromSqlConversionFailure(..) | E::InvalidColumnType(..) | E::IntegralValueOutOfRange(..) | E::Utf8Error(..)
    )
}
