//! `ampoule vault delete`.

use ampoule_proto::call::Answer;
use ampoule_proto::messages::namespace::cloud::vault::v1beta::DeleteObjectRequest;
use buffa_types::google::protobuf::Empty;

use super::super::client::method;
use super::super::output::print;
use super::super::{CliError, Context};
use super::{Precondition, Target, held};

/// Delete a secret: its values are destroyed, its metadata stays
///
/// No container can be created with it from now on; running ones keep what they have, and are counted on standard error.
#[derive(clap::Args)]
pub(in crate::cli) struct Delete {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    precondition: Precondition,
}

impl Delete {
    pub(super) fn run(self, context: &Context) -> Result<(), CliError> {
        let id = self.target.object_id.to_string();
        let if_version_matches = self.precondition.wire();
        let request = DeleteObjectRequest { object_id: id.clone(), if_version_matches };
        let Answer { message: Empty { .. }, headers } = context.client()?.call_with_answer(method::DELETE, &request)?;
        held::note(&headers, &id, "stop");
        print(&format!("Deleted {id}\n")).map_err(|error| error.after(format!("Secret {id} is deleted")))
    }
}
