//! `ampoule instance extend`.

use ampoule_proto::messages::namespace::cloud::compute::v1beta::{ExtendInstanceRequest, ExtendInstanceResponse};
use buffa::MessageField;
use buffa_types::google::protobuf::Duration;
use serde::Serialize;

use super::super::client::method;
use super::super::lifetime::Lifetime;
use super::super::output::{Format, OutputFlag, print, print_json, time, timestamp};
use super::super::{CliError, Context};
use crate::domain::Timestamp;

/// Let an instance live longer
#[derive(clap::Args)]
pub(in crate::cli) struct Extend {
    /// The instance
    #[arg(value_name = "INSTANCE")]
    instance: String,
    /// So much longer than it would: 30m, 12h, 7d
    #[arg(long, value_name = "TIME", required_unless_present = "at_least", conflicts_with = "at_least")]
    by: Option<Lifetime>,
    /// At least so long from now
    #[arg(long = "at-least", value_name = "TIME")]
    at_least: Option<Lifetime>,
    #[command(flatten)]
    output: OutputFlag,
}

/// What `-o json` prints.
#[derive(Serialize)]
struct Extended {
    new_deadline: Option<Timestamp>,
}

impl Extend {
    pub(super) fn run(self, context: &Context) -> Result<(), CliError> {
        let span = |lifetime: Option<Lifetime>| {
            let wire = |lifetime: Lifetime| Duration { seconds: lifetime.0.as_secs(), ..Duration::default() };
            lifetime.map_or_else(MessageField::none, |lifetime| MessageField::some(wire(lifetime)))
        };
        let request = ExtendInstanceRequest {
            instance_id: self.instance,
            extend_by: span(self.by),
            ensure_minimum: span(self.at_least),
            ..ExtendInstanceRequest::default()
        };
        let extended: ExtendInstanceResponse = context.client()?.call(method::EXTEND_INSTANCE, &request)?;
        let new_deadline = extended.new_deadline.into_option().and_then(|at| timestamp(&at));
        match self.output.output {
            Format::Json => print_json(&Extended { new_deadline }),
            Format::Table => print(&format!("Deadline:    {}\n", time(new_deadline))),
        }
    }
}
