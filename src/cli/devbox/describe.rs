//! `ampoule devbox describe`.

use super::super::output::OutputFlag;
use super::super::{CliError, Context};
use super::{Which, find};

/// Show a devbox
#[derive(clap::Args)]
pub(in crate::cli) struct Describe {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    output: OutputFlag,
}

impl Describe {
    pub(super) fn run(self, context: &Context) -> Result<(), CliError> {
        find(&context.client()?, &self.which.name)?.print(self.output.output)
    }
}
