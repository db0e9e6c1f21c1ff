//! `ampoule instance create`.

use std::io::{self, Write};
use std::path::PathBuf;

use ampoule_proto::messages::namespace::cloud::compute::v1beta::{CreateInstanceRequest, DescribeInstanceResponse};

use super::super::client::{Client, method};
use super::super::output::{Format, OutputFlag, print, print_json};
use super::super::{CliError, Context, input};
use super::{Described, until_running};
use crate::domain::instance;

/// Start an instance from a request in JSON: the body of a CreateInstance, or a bare ContainerRequest
///
/// The request is checked whole before anything is started, and says of a secret only which one. It returns at once:
/// --wait waits until the instance runs.
#[derive(clap::Args)]
pub(in crate::cli) struct Create {
    /// The request, or - for standard input
    #[arg(long, value_name = "FILE")]
    request: PathBuf,
    /// Wait until it runs
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    output: OutputFlag,
}

impl Create {
    pub(super) fn run(self, context: &Context) -> Result<(), CliError> {
        let client = context.client()?;
        let request = read(&self.request)?;
        submit(&client, &request, self.wait, self.output.output)
    }
}

/// Starts it and shows what came of it.
pub(in crate::cli) fn submit(
    client: &Client,
    request: &CreateInstanceRequest,
    wait: bool,
    format: Format,
) -> Result<(), CliError> {
    let created: DescribeInstanceResponse = client.call(method::CREATE_INSTANCE, request)?;
    let mut described = Described::try_from(created)?;
    if wait {
        until_running(client, &described.instance_id, |status| {
            let _ = writeln!(io::stderr(), "{status}");
        })?;
        described = super::describe::describe(client, &described.instance_id)?;
    }
    let done = format!("Instance {} is made", described.instance_id);
    let printed = if format == Format::Json { print_json(&described) } else { print(&described.text()) };
    printed.map_err(|error| error.after(done))
}

/// A request in JSON, checked whole: every mistake of it is in the error.
fn read(path: &std::path::Path) -> Result<CreateInstanceRequest, CliError> {
    let (text, name) = (input::read_text(path)?, input::named(path).display().to_string());
    let (_, warnings) = instance::read_text(&text).map_err(|mistakes| CliError::Place(mistakes.in_file(&name)))?;
    for warning in warnings {
        let _ = writeln!(io::stderr(), "warning: {}", warning.in_file(&name));
    }
    let wire = |error: serde_json::Error| CliError::Input { path: input::named(path), reason: error.to_string() };
    let json: serde_json::Value = serde_json::from_str(&text).map_err(wire)?;
    // What has been read is a whole request, or one container of it.
    let bare = json.get("image_ref").or_else(|| json.get("imageRef")).is_some();
    let whole = if bare { serde_json::json!({ "containers": [json] }) } else { json };
    serde_json::from_value(whole).map_err(wire)
}
