//! `ampoule devbox expire`.

use std::io::{self, BufRead, IsTerminal, Write};

use ampoule_proto::messages::ampoule::v1::ExpireDevboxRequest;
use buffa_types::google::protobuf::Empty;
use serde::Serialize;

use super::super::client::method;
use super::super::output::{Format, OutputFlag, print, print_json};
use super::super::{CliError, Context};
use super::Which;
use crate::domain::devbox::DevboxName;

/// Remove a devbox with its files
#[derive(clap::Args)]
pub(in crate::cli) struct Expire {
    #[command(flatten)]
    which: Which,
    /// Without a question
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    output: OutputFlag,
}

/// What `-o json` prints.
#[derive(Serialize)]
struct Expired {
    name: String,
}

impl Expire {
    pub(super) fn run(self, context: &Context) -> Result<(), CliError> {
        let name = self.which.name;
        if !self.force {
            confirm(&name)?;
        }
        let request = ExpireDevboxRequest { name: name.to_string() };
        let Empty { .. } = context.client()?.call(method::EXPIRE_DEVBOX, &request)?;
        let printed = match self.output.output {
            Format::Json => print_json(&Expired { name: name.to_string() }),
            Format::Table => print(&format!("Expired {name}\n")),
        };
        printed.map_err(|error| error.after(format!("Devbox {name} is removed")))
    }
}

fn confirm(name: &DevboxName) -> Result<(), CliError> {
    let kept =
        |remedy: &str| CliError::Program { reason: format!("devbox {name} is not removed"), remedy: remedy.to_owned() };
    if !io::stdin().is_terminal() {
        return Err(kept("Its files would be gone for ever: say that you mean it with --force."));
    }
    let mut err = io::stderr();
    let mut answer = String::new();
    let asked = write!(err, "Devbox {name} and its files are removed for ever. Its name again, to go on: ");
    asked
        .and_then(|()| err.flush())
        .and_then(|()| io::stdin().lock().read_line(&mut answer))
        .map_err(CliError::Typed)?;
    if answer.trim() == name.as_str() { Ok(()) } else { Err(kept("Something else was typed than its name.")) }
}
