//! `ampoule dashboard`.

use ampoule_proto::messages::ampoule::v1::{CreateLinkRequest, CreateLinkResponse};

use super::client::method;
use super::output::print;
use super::{CliError, Context};

/// Look at the vault in a browser
#[derive(clap::Subcommand)]
pub(super) enum Dashboard {
    Open(Open),
}

/// Print a link that signs you in, as yourself
///
/// It counts once, and for a minute. Whoever has it is taken for you until then. The daemon serves the dashboard if its
/// settings say `dashboard: true`.
#[derive(clap::Args)]
pub(super) struct Open {}

impl Dashboard {
    pub(super) fn run(self, context: &Context) -> Result<(), CliError> {
        let Self::Open(Open {}) = self;
        let made: CreateLinkResponse = context.client()?.call(method::CREATE_LINK, &CreateLinkRequest {})?;
        let code = made.ticket.into_secret();
        let code = String::from_utf8_lossy(code.expose());
        made.urls.iter().try_for_each(|url| print(&format!("{url}/ui/link?code={code}\n")))
    }
}
