//! Log lines, for people or for machines. Never a value.

use std::io::{self, IsTerminal, Write};

use tracing_subscriber::EnvFilter;

use super::Error;
use crate::config::{LogFormat, LogSettings};

/// Starts logging to standard error.
pub(super) fn start(settings: &LogSettings) -> Result<(), Error> {
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
