//! `ampoule doctor`: looks at all that an injection needs; one file for each part of it.

mod daemon;
mod elf;
mod engines;
mod places;
mod shim;
mod version;

use std::process::ExitCode;

use serde::Serialize;

use super::output::{Format, OutputFlag, print, print_json, visible};
use super::{CliError, Context};
use crate::domain::Concern;

/// Check that everything is in place for secrets to reach containers
///
/// Looks at engines, runtimes, the shim, its settings and the daemon on this host, and changes nothing. Each line is ok,
/// warn or fail, and says what to do unless it is ok. The exit code is 1 if any fails.
#[derive(clap::Args)]
pub(super) struct Doctor {
    #[command(flatten)]
    output: OutputFlag,
}

/// One thing that was looked at.
#[derive(Serialize)]
struct Check {
    #[serde(rename = "check")]
    name: String,
    level: Level,
    message: String,
    /// What to do; empty where all is well.
    remedy: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Level {
    Ok,
    Warn,
    Fail,
}

impl Doctor {
    pub(super) fn run(self, context: &Context) -> Result<ExitCode, CliError> {
        let parts = [engines::check, shim::check, daemon::check, places::check];
        let checks: Vec<Check> = parts.iter().flat_map(|part| part(context)).collect();
        match self.output.output {
            Format::Json => print_json(&checks)?,
            Format::Table => print(&checks.iter().map(Check::text).collect::<String>())?,
        }
        let fails = checks.iter().any(|check| check.level == Level::Fail);
        Ok(if fails { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}

impl Check {
    fn ok(name: &str, message: String) -> Self {
        Self { name: name.to_owned(), level: Level::Ok, message, remedy: String::new() }
    }

    fn warn(name: &str, message: String, remedy: &str) -> Self {
        Self { name: name.to_owned(), level: Level::Warn, message, remedy: remedy.to_owned() }
    }

    fn fail(name: &str, message: String, remedy: &str) -> Self {
        Self { name: name.to_owned(), level: Level::Fail, message, remedy: remedy.to_owned() }
    }

    /// What a look found.
    fn look(name: &str, look: Result<String, Concern>) -> Self {
        match look {
            Ok(message) => Self::ok(name, message),
            Err(Concern { message, remedy, is_grave: true, .. }) => Self::fail(name, message, &remedy),
            Err(Concern { message, remedy, .. }) => Self::warn(name, message, &remedy),
        }
    }

    /// The failure that another command would report: a cause line, then a remedy line.
    fn error(name: &str, error: &CliError) -> Self {
        let text = error.to_string();
        let (message, remedy) = text.split_once('\n').unwrap_or((&text, ""));
        Self::fail(name, message.to_owned(), remedy)
    }

    fn text(&self) -> String {
        let level = match self.level {
            Level::Ok => "ok",
            Level::Warn => "warn",
            Level::Fail => "fail",
        };
        let remedy = if self.remedy.is_empty() { String::new() } else { format!("      {}\n", visible(&self.remedy)) };
        format!("{level:<4}  {}: {}\n{remedy}", self.name, visible(&self.message))
    }
}
