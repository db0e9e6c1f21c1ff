//! `ampoule devbox upload`.

use super::super::session::upload;
use super::super::{CliError, Context};
use super::Files;

/// Copy files into a devbox
///
/// Into a folder that is there, or else under the name that is given. PATH/. is what is in a folder, and - is a tar archive on
/// standard input.
#[derive(clap::Args)]
pub(in crate::cli) struct Upload {
    /// A file or folder here
    #[arg(value_name = "PATH", allow_hyphen_values = true)]
    local: String,
    /// Where to: a path that doesn't begin with / is below the repository's folder, or /workspaces
    #[arg(value_name = "NAME:PATH")]
    to: Files,
}

impl Upload {
    pub(super) fn run(self, context: &Context) -> Result<(), CliError> {
        let client = context.client()?;
        upload(&client, &self.local, &self.to.find(&client)?)
    }
}
