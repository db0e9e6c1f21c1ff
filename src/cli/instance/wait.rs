//! `ampoule instance wait`.

use std::io::{self, IsTerminal, Write};

use ampoule_proto::messages::namespace::cloud::compute::v1beta::{WaitInstanceRequest, WaitInstanceResponse};

use super::super::client::{Client, method};
use super::super::output::{Format, OutputFlag, print, print_json, visible};
use super::super::{CliError, Context};
use super::describe::describe;
use super::status;

/// Wait until an instance runs, printing each status that it comes to; as JSON, the instance once it runs
#[derive(clap::Args)]
pub(in crate::cli) struct Wait {
    /// The instance
    #[arg(value_name = "INSTANCE")]
    instance: String,
    #[command(flatten)]
    output: OutputFlag,
}

impl Wait {
    pub(super) fn run(self, context: &Context) -> Result<(), CliError> {
        if self.output.output == Format::Json {
            let client = context.client()?;
            until_running(&client, &self.instance, |_| {})?;
            return print_json(&describe(&client, &self.instance)?);
        }
        let mut printed = Ok(());
        until_running(&context.client()?, &self.instance, |status| printed = print(&format!("{status}\n")))?;
        printed
    }
}

/// Returns when it runs; an error if it never will. On a terminal it says how far images are that are fetched.
pub(in crate::cli) fn until_running(
    client: &Client,
    instance_id: &str,
    mut each: impl FnMut(&str),
) -> Result<(), CliError> {
    let request = WaitInstanceRequest { instance_id: instance_id.to_owned(), ..WaitInstanceRequest::default() };
    let (mut last, mut fetched) = ("", String::new());
    let on_terminal = io::stderr().is_terminal();
    client.stream(method::WAIT_INSTANCE, &request, |response: WaitInstanceResponse| {
        let now = response.metadata.into_option().map_or("", |metadata| status(metadata.status.as_known()));
        if now != last {
            last = now;
            each(now);
        }
        if on_terminal && fetched != response.container_status {
            fetched = response.container_status;
            if !fetched.is_empty() {
                let _ = writeln!(io::stderr(), "{}", visible(&fetched));
            }
        }
        Ok(())
    })
}
