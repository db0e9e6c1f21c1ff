//! `ampoule devbox stop`.

use ampoule_proto::messages::ampoule::v1::{Devbox as WireDevbox, StopDevboxRequest};

use super::super::client::method;
use super::super::output::OutputFlag;
use super::super::{CliError, Context};
use super::{Described, Which};

/// End what runs in a devbox, and keep its files
#[derive(clap::Args)]
pub(in crate::cli) struct Stop {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    output: OutputFlag,
}

impl Stop {
    pub(super) fn run(self, context: &Context) -> Result<(), CliError> {
        let name = self.which.name.to_string();
        let request = StopDevboxRequest { name: name.clone() };
        let stopped: Described = context.client()?.call::<_, WireDevbox>(method::STOP_DEVBOX, &request)?.into();
        stopped.print(self.output.output).map_err(|error| error.after(format!("Devbox {name} is stopped")))
    }
}
