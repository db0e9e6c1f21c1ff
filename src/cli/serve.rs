//! `ampoule serve`.

use std::process::ExitCode;

use super::{CliError, Context};
use crate::config::{Flags, Settings};
use crate::daemon;

/// Run the vault daemon in the foreground
///
/// Settings come from a YAML file, then AMPOULE_* variables, then these flags. SIGTERM or SIGINT end it when the
/// requests under way are answered.
#[derive(clap::Args)]
pub(super) struct Serve {
    #[command(flatten)]
    flags: Flags,
}

impl Serve {
    pub(super) fn run(self, context: &Context) -> Result<ExitCode, CliError> {
        let mut flags = self.flags;
        flags.client = context.flags.clone();
        Ok(daemon::run(&Settings::load(&context.environment, &flags)?))
    }
}
