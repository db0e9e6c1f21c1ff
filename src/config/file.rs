//! The settings file.

use std::fs;
use std::io::ErrorKind;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::network::{Listen, Numbers};
use super::{AuditSink, ConfigError, LogFormat, RootKeyProvider, grants, instances};

/// The settings file, key by key.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    #[serde(default, deserialize_with = "absolute")]
    pub(super) state_dir: Option<PathBuf>,
    #[serde(default, deserialize_with = "absolute")]
    pub(super) socket: Option<PathBuf>,
    pub(super) root_key: Option<RootKey>,
    pub(super) log: Option<Log>,
    #[serde(default, deserialize_with = "positive")]
    pub(super) versions_kept: Option<NonZeroU32>,
    pub(super) audit: Option<Audit>,
    #[serde(default)]
    pub(super) grants: Vec<grants::Written>,
    #[serde(default)]
    pub(super) listen: Vec<Listen>,
    #[serde(default)]
    pub(super) limits: Numbers,
    pub(super) instances: Option<instances::Written>,
    #[serde(default)]
    pub(super) dashboard: bool,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Audit {
    pub(super) sink: Option<AuditSink>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RootKey {
    pub(super) provider: Option<RootKeyProvider>,
    #[serde(default, deserialize_with = "absolute")]
    pub(super) keyfile: Option<PathBuf>,
    #[serde(default, deserialize_with = "absolute")]
    pub(super) passphrase_file: Option<PathBuf>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Log {
    pub(super) format: Option<LogFormat>,
    pub(super) level: Option<String>,
}

impl File {
    /// Reads the file that is named, which must be there, or the default one, which need not.
    pub(super) fn read(named: Option<&Path>, default: Option<&Path>) -> Result<Self, ConfigError> {
        let Some(path) = named.or(default) else { return Ok(Self::default()) };
        match fs::read_to_string(path) {
            Ok(text) => Self::parse(&text, path),
            Err(error) if error.kind() == ErrorKind::NotFound && named.is_none() => Ok(Self::default()),
            Err(error) => Err(ConfigError::Unreadable { path: path.to_owned(), error }),
        }
    }

    fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
            return Ok(Self::default());
        }
        serde_yaml::from_str_with_options(text, options()).map_err(|error| {
            let error = error.without_snippet();
            let (line, column) = error.location().map_or((1, 1), |at| (at.line(), at.column()));
            let reason = error.to_string();
            let reason = reason.trim_end_matches(&format!(" at line {line}, column {column}")).to_owned();
            ConfigError::Yaml { path: path.to_owned(), line, column, reason }
        })
    }
}

/// A path that means the same wherever the daemon is started from; checked here, where its line is known.
pub(super) fn absolute<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<PathBuf>, D::Error> {
    match Option::<PathBuf>::deserialize(deserializer)? {
        Some(path) if !path.is_absolute() => {
            Err(D::Error::custom(format!("\"{}\" is not an absolute path: begin it with /", path.display())))
        }
        path => Ok(path),
    }
}

/// As serde reads it, but with the place in the error.
fn positive<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<NonZeroU32>, D::Error> {
    let number = Option::<u32>::deserialize(deserializer)?;
    number
        .map(|number| NonZeroU32::new(number).ok_or_else(|| D::Error::custom("expected a number from 1 on")))
        .transpose()
}

fn options() -> serde_yaml::Options {
    serde_yaml::options! {
        strict_booleans: true,
        // The lines around a mistake may hold what must not be printed.
        with_snippet: false,
        merge_keys: serde_yaml::options::MergeKeyPolicy::Error,
        budget: serde_yaml::budget! {
            max_reader_input_bytes: Some(64 << 10),
            max_depth: 8,
            max_nodes: 16 << 10,
            max_aliases: 0,
            max_anchors: 0,
            max_documents: 1,
        },
    }
}
