//! `ampoule vault history`.

use super::super::output::{Format, Metadata, OutputFlag, print_json, print_table, time};
use super::super::{CliError, Context};
use super::Target;

/// Show a secret's versions
///
/// The current one and up to ten before it, newest first.
#[derive(clap::Args)]
pub(in crate::cli) struct History {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    output: OutputFlag,
}

impl History {
    pub(super) fn run(self, context: &Context) -> Result<(), CliError> {
        let found = super::describe(&context.client()?, &self.target.object_id)?;
        let current = found.metadata.into_option().ok_or(CliError::Answer { what: "metadata" })?;
        let versions: Vec<Metadata> = [current].into_iter().chain(found.previous).map(Metadata::from).collect();
        if self.output.output == Format::Json {
            return print_json(&versions);
        }
        let rows: Vec<_> = versions.iter().map(|v| [v.version.clone(), time(v.created_at)]).collect();
        print_table(context, ["VERSION", "CREATED"], &rows)
    }
}
