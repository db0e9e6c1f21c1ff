//! `ampoule instance logs`.

use std::io::{self, Write};

use ampoule_proto::messages::namespace::cloud::compute::v1beta::{LogBlock, StreamInstanceLogsRequest};
use serde::Serialize;

use super::super::client::{Client, method};
use super::super::output::{Format, OutputFlag, print, timestamp};
use super::super::{CliError, Context};
use super::until_running;
use crate::domain::Timestamp;

/// Show what an instance's containers printed
#[derive(clap::Args)]
pub(in crate::cli) struct Logs {
    /// The instance
    #[arg(value_name = "INSTANCE")]
    instance: String,
    /// Go on until the containers end
    #[arg(short, long)]
    follow: bool,
    #[command(flatten)]
    output: OutputFlag,
}

/// A line. What `-o json` prints, one on each line.
#[derive(Serialize)]
struct Printed {
    container: String,
    stream: String,
    timestamp: Option<Timestamp>,
    content: String,
}

impl Logs {
    pub(super) fn run(self, context: &Context) -> Result<(), CliError> {
        logs(&context.client()?, &self.instance, self.follow, self.output.output)
    }
}

/// Prints what was printed on standard output there, and on standard error what was printed there.
pub(in crate::cli) fn logs(client: &Client, instance_id: &str, follow: bool, format: Format) -> Result<(), CliError> {
    if follow {
        // One that is still being made has printed nothing yet; what has failed or ended has printed all that it will.
        let _ = until_running(client, instance_id, |_| {});
    }
    let request = StreamInstanceLogsRequest { instance_id: instance_id.to_owned(), follow };
    client.stream(method::STREAM_LOGS, &request, |mut block: LogBlock| {
        let container = block.labels.remove("container").unwrap_or_default();
        for line in block.lines {
            if format == Format::Json {
                let timestamp = line.timestamp.into_option().and_then(|at| timestamp(&at));
                let (container, content) = (container.clone(), line.content);
                let printed = Printed { container, stream: line.stream, timestamp, content };
                let text = serde_json::to_string(&printed).map_err(|error| CliError::Output(error.into()))?;
                print(&(text + "\n"))?;
                continue;
            }
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
