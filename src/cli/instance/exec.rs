//! `ampoule instance exec`.

use std::io::{self, Write};
use std::process::ExitCode;

use ampoule_proto::messages::ampoule::v1::AttachStart;
use ampoule_proto::messages::namespace::cloud::compute::v1beta::run_command_response::Stream;
use ampoule_proto::messages::namespace::cloud::compute::v1beta::{
    Command, EnvironmentVariable, RunCommandRequest, RunCommandResponse,
};
use buffa::MessageField;

use super::super::client::{Client, method};
use super::super::session::{Attachment, attach};
use super::super::{CliError, Context};
use crate::domain::{EnvName, Reference};

/// Run a command in a container of an instance; the exit code is the command's
#[derive(clap::Args)]
pub(in crate::cli) struct Exec {
    /// The container, where there are several
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    container: String,
    /// Where the command runs
    #[arg(long, value_name = "DIR", default_value = "", hide_default_value = true)]
    cwd: String,
    /// A variable from a secret, beside those of the container; may be repeated
    #[arg(long = "secret", value_name = "NAME=ID")]
    secrets: Vec<String>,
    /// Give the command this standard input
    #[arg(short, long)]
    interactive: bool,
    /// Give the command a terminal, such as this one is
    #[arg(short, long)]
    tty: bool,
    /// Let the command go on by itself
    #[arg(short, long, conflicts_with_all = ["interactive", "tty"])]
    detach: bool,
    /// The instance
    #[arg(value_name = "INSTANCE")]
    instance: String,
    /// The command and its arguments
    #[arg(value_name = "COMMAND", required = true, trailing_var_arg = true)]
    command: Vec<String>,
}

impl Exec {
    pub(super) fn run(self, context: &Context) -> Result<ExitCode, CliError> {
        let env_vars = self.secrets.iter().map(|text| secret(text)).collect::<Result<_, _>>()?;
        let command = MessageField::some(Command { command: self.command, env_vars, cwd: self.cwd });
        if self.interactive || self.tty || self.detach {
            let start = AttachStart {
                instance_id: self.instance,
                container_name: self.container,
                command,
                stdin: self.interactive,
                detach: self.detach,
                ..AttachStart::default()
            };
            return attach(context, &context.client()?, Attachment { start, on_terminal: self.tty });
        }
        let request = RunCommandRequest { instance_id: self.instance, target_container_name: self.container, command };
        run(&context.client()?, &request)
    }
}

/// `NAME=sec_…` of a flag.
pub(in crate::cli) fn secret(text: &str) -> Result<EnvironmentVariable, CliError> {
    let refused = |reason: String| CliError::Place(format!("--secret: {reason}"));
    let (name, id) = text.split_once('=').ok_or_else(|| refused("expected NAME=sec_…".to_owned()))?;
    let name: EnvName = name.parse().map_err(|error| refused(format!("{error}")))?;
    // What stands there is not repeated: it may be a value.
    id.parse::<Reference>().map_err(|_| {
        let name = name.as_str();
        refused(format!(
            "{name}: what follows the = is not the id of a secret: `ampoule vault add` stores one and says it"
        ))
    })?;
    Ok(EnvironmentVariable {
        name: name.as_str().to_owned(),
        from_secret_id: id.to_owned(),
        ..EnvironmentVariable::default()
    })
}

/// Runs a command and prints what it prints.
pub(in crate::cli) fn run(client: &Client, request: &RunCommandRequest) -> Result<ExitCode, CliError> {
    let mut code = None;
    client.stream(method::RUN_COMMAND, request, |response: RunCommandResponse| {
        let written = match response.stream.as_known() {
            Some(Stream::STDERR) => io::stderr().write_all(&response.data),
            _ => io::stdout().write_all(&response.data).and_then(|()| io::stdout().flush()),
        };
        written.map_err(CliError::Output)?;
        if let Some(exit) = response.exit_status.into_option() {
            code = Some(exit.exit_code);
        }
        Ok(())
    })?;
    let code = code.ok_or(CliError::Answer { what: "exit status" })?;
    Ok(ExitCode::from(u8::try_from(code).unwrap_or(1)))
}
