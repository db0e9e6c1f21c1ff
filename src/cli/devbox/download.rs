//! `ampoule devbox download`.

use super::super::session::download;
use super::super::{CliError, Context};
use super::Files;

/// Copy files out of a devbox
///
/// Into a folder that is there, or else under the name that is given. PATH/. is what is in a folder, and - is a tar archive on
/// standard output.
#[derive(clap::Args)]
pub(in crate::cli) struct Download {
    /// A file or folder there: a path that doesn't begin with / is below the repository's folder, or /workspaces
    #[arg(value_name = "NAME:PATH")]
    from: Files,
    /// Where to
    #[arg(value_name = "PATH", allow_hyphen_values = true)]
    local: String,
}

impl Download {
    pub(super) fn run(self, context: &Context) -> Result<(), CliError> {
        let client = context.client()?;
        download(&client, &self.from.find(&client)?, &self.local)
    }
}
