//! `ampoule devbox start`.

use ampoule_proto::messages::ampoule::v1::{Devbox as WireDevbox, StartDevboxRequest};

use super::super::client::method;
use super::super::output::OutputFlag;
use super::super::{CliError, Context};
use super::{Which, ready};

/// Start a devbox that is stopped, and wait until it is ready
///
/// Its secrets are drawn anew: it gets their current versions.
#[derive(clap::Args)]
pub(in crate::cli) struct Start {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    output: OutputFlag,
}

impl Start {
    pub(super) fn run(self, context: &Context) -> Result<(), CliError> {
        let (client, name) = (context.client()?, &self.which.name);
        let request = StartDevboxRequest { name: name.to_string() };
        let WireDevbox { .. } = client.call(method::START_DEVBOX, &request)?;
        let devbox = ready(&client, name)?;
        devbox.print(self.output.output).map_err(|error| error.after(format!("Devbox {name} is started")))
    }
}
