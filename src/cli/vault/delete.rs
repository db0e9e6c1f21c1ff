//! `ampoule vault delete`.

use ampoule_proto::messages::namespace::cloud::vault::v1beta::DeleteObjectRequest;
use buffa_types::google::protobuf::Empty;

use super::super::client::method;
use super::super::output::print;
use super::super::{CliError, Context};
use super::{Precondition, Target};

/// Delete a secret: its values are destroyed, its metadata stays
///
/// No container can be created with it from now on; running ones keep what they have.
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
        let Empty { .. } = context.client()?.call(method::DELETE, &request)?;
        print(&format!("Deleted {id}\n")).map_err(|error| error.after(format!("Secret {id} is deleted")))
    }
}
