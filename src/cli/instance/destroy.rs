//! `ampoule instance destroy`.

use ampoule_proto::messages::namespace::cloud::compute::v1beta::DestroyInstanceRequest;
use buffa_types::google::protobuf::Empty;
use serde::Serialize;

use super::super::client::method;
use super::super::output::{Format, OutputFlag, print, print_json};
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
    #[command(flatten)]
    output: OutputFlag,
}

/// What `-o json` prints.
#[derive(Serialize)]
struct Destroyed {
    instance_id: String,
}

impl Destroy {
    pub(super) fn run(self, context: &Context) -> Result<(), CliError> {
        let request = DestroyInstanceRequest { instance_id: self.instance.clone(), reason: self.reason };
        context.client()?.call::<_, Empty>(method::DESTROY_INSTANCE, &request)?;
        let id = self.instance;
        let printed = match self.output.output {
            Format::Json => print_json(&Destroyed { instance_id: id.clone() }),
            Format::Table => print(&format!("Destroyed {id}\n")),
        };
        printed.map_err(|error| error.after(format!("Instance {id} is destroyed")))
    }
}
