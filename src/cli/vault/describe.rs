//! `ampoule vault describe`.

use ampoule_proto::messages::namespace::cloud::vault::v1beta::DescribeObjectResponse;
use serde::Serialize;

use super::super::output::{Format, Metadata, OutputFlag, print, print_json, print_value};
use super::super::{CliError, Context};
use super::Target;

/// Show a secret's metadata, and with --reveal its value
#[derive(clap::Args)]
pub(in crate::cli) struct Describe {
    #[command(flatten)]
    target: Target,
    /// Print the value and nothing else; only a revealable secret has one to print, and the audit log says so
    #[arg(long)]
    reveal: bool,
    #[command(flatten)]
    output: OutputFlag,
}

/// What `-o json` prints.
#[derive(Serialize)]
struct Described<'a> {
    metadata: Metadata,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a str>,
    previous: Vec<Metadata>,
}

impl Describe {
    pub(super) fn run(self, context: &Context) -> Result<(), CliError> {
        let client = context.client()?;
        let id = &self.target.object_id;
        let found = if self.reveal { super::reveal(&client, id)? } else { super::describe(&client, id)? };
        let DescribeObjectResponse { metadata, value, previous, .. } = found;
        let metadata: Metadata = metadata.into_option().ok_or(CliError::Answer { what: "metadata" })?.into();
        match self.output.output {
            Format::Table if self.reveal => print_value(&value),
            Format::Table => print(&metadata.text()),
            Format::Json => {
                let value = self.reveal.then_some(&*value);
                let previous = previous.into_iter().map(Metadata::from).collect();
                print_json(&Described { metadata, value, previous })
            }
        }
    }
}
