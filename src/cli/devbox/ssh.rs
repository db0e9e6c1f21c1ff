//! `ampoule devbox ssh`.

use std::io::{self, IsTerminal};
use std::process::ExitCode;

use ampoule_proto::messages::ampoule::v1::AttachStart;
use ampoule_proto::messages::namespace::cloud::compute::v1beta::Command;
use buffa::MessageField;

use super::super::session::{Attachment, attach};
use super::super::{CliError, Context};
use super::{Which, ready};

/// The shell that the image has set, or the best that there is.
const SHELL: &str = "for shell in \"$SHELL\" /bin/bash /bin/sh; do [ -x \"$shell\" ] && exec \"$shell\" -l; done";

/// Work in a devbox: a shell where its repository is, at this terminal
///
/// It ends when the connection does; what shall outlive that is started by `devbox exec --detach`, or in tmux. There is no
/// server of SSH in it.
#[derive(clap::Args)]
pub(in crate::cli) struct Ssh {
    #[command(flatten)]
    which: Which,
    /// A command and its arguments in place of a shell
    #[arg(value_name = "COMMAND", trailing_var_arg = true)]
    command: Vec<String>,
}

impl Ssh {
    pub(super) fn run(self, context: &Context) -> Result<ExitCode, CliError> {
        let client = context.client()?;
        let devbox = ready(&client, &self.which.name)?;
        let command =
            if self.command.is_empty() { ["/bin/sh", "-c", SHELL].map(str::to_owned).to_vec() } else { self.command };
        let start = AttachStart {
            instance_id: devbox.instance_id,
            command: MessageField::some(Command { command, cwd: devbox.directory, ..Command::default() }),
            stdin: true,
            ..AttachStart::default()
        };
        let on_terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
        attach(context, &client, Attachment { start, on_terminal })
    }
}
