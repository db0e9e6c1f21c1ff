//! `ampoule devbox logs`.

use super::super::instance::logs;
use super::super::output::OutputFlag;
use super::super::{CliError, Context};
use super::{Which, find};

/// Show what the commands printed that were left running in a devbox
#[derive(clap::Args)]
pub(in crate::cli) struct Logs {
    #[command(flatten)]
    which: Which,
    /// Go on until the devbox stops
    #[arg(short, long)]
    follow: bool,
    #[command(flatten)]
    output: OutputFlag,
}

impl Logs {
    pub(super) fn run(self, context: &Context) -> Result<(), CliError> {
        let client = context.client()?;
        logs(&client, &find(&client, &self.which.name)?.instance_id, self.follow, self.output.output)
    }
}
