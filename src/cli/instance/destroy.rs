//! `ampoule instance destroy`.

use ampoule_proto::messages::namespace::cloud::compute::v1beta::DestroyInstanceRequest;
use buffa_types::google::protobuf::Empty;

use super::super::client::method;
use super::super::{CliError, Context};

/// End an instance and remove its containers
#[derive(clap::Args)]
pub(in crate::cli) struct Destroy {
    /// The instance
    #[arg(value_name = "INSTANCE")]
    instance: String,
    /// Why, for the audit log
    #[arg(long, default_value = "", hide_default_value = true)]
    reason: String,
}

impl Destroy {
    pub(super) fn run(self, context: &Context) -> Result<(), CliError> {
        let request = DestroyInstanceRequest { instance_id: self.instance, reason: self.reason };
        context.client()?.call::<_, Empty>(method::DESTROY_INSTANCE, &request)?;
        Ok(())
    }
}
