//! `ampoule vault add`.

use ampoule_proto::messages::namespace::cloud::vault::v1beta::{CreateObjectRequest, VaultObjectMetadata};
use ampoule_proto::messages::namespace::stdlib::Label as WireLabel;

use super::super::client::method;
use super::super::input::ValueSource;
use super::super::output::{OutputFlag, print_metadata};
use super::super::{CliError, Context};
use crate::domain::Label;

/// Store a new secret
///
/// The value is asked for twice, hidden, unless --from_file names a file. Labels and whether it is revealable can't be
/// changed later.
#[derive(clap::Args)]
pub(in crate::cli) struct Add {
    /// What the secret is for
    #[arg(short, long, default_value = "", hide_default_value = true)]
    description: String,
    /// Let its value be read back later; without this it reaches containers only
    #[arg(long)]
    revealable: bool,
    /// A label; may be repeated
    #[arg(long = "label", value_name = "NAME=VALUE", value_delimiter = ',')]
    labels: Vec<Label>,
    #[command(flatten)]
    value: ValueSource,
    #[command(flatten)]
    output: OutputFlag,
}

impl Add {
    pub(super) fn run(self, context: &Context) -> Result<(), CliError> {
        let client = context.client()?;
        let value = self.value.read(&client)?;
        let label = |label: &Label| WireLabel { name: label.name().to_owned(), value: label.value().to_owned() };
        let request = CreateObjectRequest {
            description: self.description,
            value,
            revealable: self.revealable,
            labels: self.labels.iter().map(label).collect(),
        };
        let made: VaultObjectMetadata = client.call(method::CREATE, &request)?;
        let done = format!("Secret {} is stored", made.object_id);
        print_metadata(&made.into(), self.output.output).map_err(|error| error.after(done))
    }
}
