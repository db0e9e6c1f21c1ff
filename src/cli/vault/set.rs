//! `ampoule vault set`.

use ampoule_proto::call::Answer;
use ampoule_proto::messages::namespace::cloud::vault::v1beta::{UpdateObjectRequest, VaultObjectMetadata};

use super::super::client::method;
use super::super::input::ValueSource;
use super::super::output::{OutputFlag, print_metadata};
use super::super::{CliError, Context};
use super::{Precondition, Target, held};

/// Store a new version of a secret
///
/// Containers that are created from now on get it; running ones keep what they have, and are counted on standard error.
#[derive(clap::Args)]
pub(in crate::cli) struct Set {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    precondition: Precondition,
    #[command(flatten)]
    value: ValueSource,
    #[command(flatten)]
    output: OutputFlag,
}

impl Set {
    pub(super) fn run(self, context: &Context) -> Result<(), CliError> {
        let client = context.client()?;
        let request = UpdateObjectRequest {
            object_id: self.target.object_id.to_string(),
            new_value: self.value.read(&client)?,
            if_version_matches: self.precondition.wire(),
        };
        let Answer { message: made, headers } = client.call_with_answer(method::UPDATE, &request)?;
        let made: VaultObjectMetadata = made;
        held::note(&headers, &made.object_id, "restart");
        let done = format!("Version {} of secret {} is stored", made.version, made.object_id);
        print_metadata(&made.into(), self.output.output).map_err(|error| error.after(done))
    }
}
