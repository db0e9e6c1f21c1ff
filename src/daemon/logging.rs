//! Log lines, for people or for machines. Never a value.

use std::io::{self, IsTerminal, Write};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;

use super::Error;
use crate::config::{LogFormat, LogSettings};

/// Starts logging to standard error.
pub(super) fn start(settings: &LogSettings) -> Result<(), Error> {
    // The library takes any other word for the name of a part, and then says nothing at all.
    let level = |directive: &str| directive.rsplit('=').next().unwrap_or_default().parse::<LevelFilter>();
    if let Some(error) = settings.level.split(',').find_map(|directive| level(directive).err()) {
        return Err(Error::LogLevel { level: settings.level.clone(), reason: error.to_string() });
    }
    let filter = EnvFilter::builder()
        .parse(&settings.level)
        .map_err(|error| Error::LogLevel { level: settings.level.clone(), reason: error.to_string() })?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_target(false);
    match settings.format {
        LogFormat::Json => lines.json().flatten_event(true).init(),
        LogFormat::Human => lines.with_ansi(io::stderr().is_terminal()).init(),
    }
    Ok(())
}

/// The last words of a daemon that could not start.
pub(super) fn fatal(error: &Error) {
    // Nothing is left to do if standard error is closed.
    let _ = writeln!(io::stderr(), "error: {error}");
}
