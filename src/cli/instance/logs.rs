//! `ampoule instance logs`.

use std::io::{self, Write};

use ampoule_proto::messages::namespace::cloud::compute::v1beta::{LogBlock, StreamInstanceLogsRequest};

use super::super::client::{Client, method};
use super::super::{CliError, Context};
use super::until_running;

/// Show what an instance's containers printed
#[derive(clap::Args)]
pub(in crate::cli) struct Logs {
    /// The instance
    #[arg(value_name = "INSTANCE")]
    instance: String,
    /// Go on until the containers end
    #[arg(short, long)]
    follow: bool,
}

impl Logs {
    pub(super) fn run(self, context: &Context) -> Result<(), CliError> {
        logs(&context.client()?, &self.instance, self.follow)
    }
}

/// Prints what was printed on standard output there, and on standard error what was printed there.
pub(in crate::cli) fn logs(client: &Client, instance_id: &str, follow: bool) -> Result<(), CliError> {
    if follow {
        // One that is still being made has printed nothing yet; what has failed or ended has printed all that it will.
        let _ = until_running(client, instance_id, |_| {});
    }
    let request = StreamInstanceLogsRequest { instance_id: instance_id.to_owned(), follow };
    client.stream(method::STREAM_LOGS, &request, |block: LogBlock| {
        for line in block.lines {
            let text = line.content + "\n";
            let written = if line.stream == "stderr" {
                io::stderr().write_all(text.as_bytes())
            } else {
                io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().flush())
            };
            written.map_err(CliError::Output)?;
        }
        Ok(())
    })
}
