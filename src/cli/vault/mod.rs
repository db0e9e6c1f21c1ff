//! `ampoule vault …`: one file for each.

mod add;
mod delete;
mod describe;
mod envdef;
mod export;
mod held;
mod history;
mod list;
mod set;

use ampoule_proto::messages::namespace::cloud::vault::v1beta::{DescribeObjectRequest, DescribeObjectResponse};
use clap::Subcommand;

use super::client::{Client, method};
use super::{CliError, Context};
use crate::domain::{ObjectId, Version};

/// Store, change and look up secrets
#[derive(Subcommand)]
pub(super) enum Vault {
    Add(add::Add),
    Set(set::Set),
    List(list::List),
    Describe(describe::Describe),
    History(history::History),
    Delete(delete::Delete),
    Export(export::Export),
}

impl Vault {
    pub(super) fn run(self, context: &Context) -> Result<(), CliError> {
        match self {
            Self::Add(add) => add.run(context),
            Self::Set(set) => set.run(context),
            Self::List(list) => list.run(context),
            Self::Describe(describe) => describe.run(context),
            Self::History(history) => history.run(context),
            Self::Delete(delete) => delete.run(context),
            Self::Export(export) => export.run(context),
        }
    }
}

/// The flag that names a secret.
#[derive(clap::Args)]
struct Target {
    /// The secret, sec_…
    #[arg(long = "object_id", alias = "object-id", value_name = "ID")]
    object_id: ObjectId,
}

/// The flag that makes a change conditional.
#[derive(clap::Args)]
struct Precondition {
    /// Only if this is the current version
    #[arg(long = "if-version-matches", alias = "if_version_matches", value_name = "VERSION")]
    if_version_matches: Option<Version>,
}

impl Precondition {
    fn wire(&self) -> String {
        self.if_version_matches.map(|version| version.to_string()).unwrap_or_default()
    }
}

/// A secret's description without its value.
fn describe(client: &Client, id: &ObjectId) -> Result<DescribeObjectResponse, CliError> {
    let request = DescribeObjectRequest { object_id: id.to_string() };
    client.call_for_metadata(method::DESCRIBE, &request)
}

/// A secret's description, with its value if that may leave the vault.
fn reveal(client: &Client, id: &ObjectId) -> Result<DescribeObjectResponse, CliError> {
    let request = DescribeObjectRequest { object_id: id.to_string() };
    let response: DescribeObjectResponse = client.call(method::DESCRIBE, &request)?;
    if response.metadata.as_option().is_some_and(|metadata| metadata.deleted_at.is_set()) {
        return Err(CliError::Deleted { object: id.clone() });
    }
    // No stored value is empty.
    if response.value.is_empty() {
        return Err(CliError::NotRevealable { object: id.clone() });
    }
    Ok(response)
}
