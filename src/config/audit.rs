//! Where the audit log goes beside the database.

use std::path::PathBuf;
use std::str::FromStr;

use serde::Deserialize;

/// Where entries and checkpoints are forwarded to, as lines of JSON.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AuditSink {
    /// Standard output.
    Stdout,
    /// The system's log, `/dev/log`.
    Syslog,
    /// The end of a file.
    File(PathBuf),
}

impl FromStr for AuditSink {
    type Err = InvalidSink;

    fn from_str(text: &str) -> Result<Self, InvalidSink> {
        match text {
            "stdout" => Ok(Self::Stdout),
            "syslog" => Ok(Self::Syslog),
            path if path.starts_with('/') => Ok(Self::File(path.into())),
            _ => Err(InvalidSink),
        }
    }
}

/// A text that names no sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected stdout, syslog or an absolute path")]
pub struct InvalidSink;
