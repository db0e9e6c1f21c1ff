//! `ampoule devbox exec`.

use std::process::ExitCode;

use ampoule_proto::messages::namespace::cloud::compute::v1beta::{Command, RunCommandRequest};
use buffa::MessageField;

use super::super::instance::{run, secret};
use super::super::{CliError, Context};
use super::{Which, ready};

/// Starts what follows and leaves it to itself; what it prints goes where the container's own program prints.
const DETACHED: &str = r#"command -v "$1" >/dev/null || { echo "$1: not found" >&2; exit 127; }
"$@" </dev/null >/proc/1/fd/1 2>/proc/1/fd/2 &"#;

/// Run a command in a devbox, where its repository is
///
/// What it prints is printed, and its exit code is that of this command.
#[derive(clap::Args)]
pub(in crate::cli) struct Exec {
    /// Leave it running, and let `devbox logs` show what it prints
    #[arg(short, long)]
    detach: bool,
    /// Where it runs [default: the repository's folder, or /workspaces]
    #[arg(long, value_name = "DIR")]
    cwd: Option<String>,
    /// A variable from a secret, beside those of the devbox; may be repeated
    #[arg(long = "secret", value_name = "NAME=ID")]
    secrets: Vec<String>,
    #[command(flatten)]
    which: Which,
    /// The command and its arguments
    #[arg(value_name = "COMMAND", required = true, trailing_var_arg = true)]
    command: Vec<String>,
}

impl Exec {
    pub(super) fn run(self, context: &Context) -> Result<ExitCode, CliError> {
        let env_vars = self.secrets.iter().map(|text| secret(text)).collect::<Result<_, _>>()?;
        let client = context.client()?;
        let devbox = ready(&client, &self.which.name)?;
        let mut command = self.command;
        if self.detach {
            command = ["/bin/sh", "-c", DETACHED, "sh"].into_iter().map(str::to_owned).chain(command).collect();
        }
        let cwd = self.cwd.unwrap_or(devbox.directory);
        let request = RunCommandRequest {
            instance_id: devbox.instance_id,
            target_container_name: String::new(),
            command: MessageField::some(Command { command, env_vars, cwd }),
        };
        run(&client, &request)
    }
}
