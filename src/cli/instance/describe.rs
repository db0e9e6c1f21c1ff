//! `ampoule instance describe`.

use ampoule_proto::messages::namespace::cloud::compute::v1beta::{DescribeInstanceRequest, DescribeInstanceResponse};

use super::super::client::{Client, method};
use super::super::output::{Format, OutputFlag, print, print_json};
use super::super::{CliError, Context};
use super::Described;

/// Show an instance and its containers
#[derive(clap::Args)]
pub(in crate::cli) struct Describe {
    /// The instance
    #[arg(value_name = "INSTANCE")]
    instance: String,
    #[command(flatten)]
    output: OutputFlag,
}

impl Describe {
    pub(super) fn run(self, context: &Context) -> Result<(), CliError> {
        let described = describe(&context.client()?, &self.instance)?;
        if self.output.output == Format::Json { print_json(&described) } else { print(&described.text()) }
    }
}

pub(in crate::cli) fn describe(client: &Client, instance_id: &str) -> Result<Described, CliError> {
    let request = DescribeInstanceRequest { instance_id: instance_id.to_owned() };
    client.call::<_, DescribeInstanceResponse>(method::DESCRIBE_INSTANCE, &request)?.try_into()
}
