//! `ampoule audit …`.

mod export;
mod list;
mod prove;
mod verify;

use ampoule_proto::messages::ampoule::v1::{
    AuditEntry, GetCheckpointRequest, GetCheckpointResponse, ListEntriesRequest, ListEntriesResponse,
};
use clap::Subcommand;

use super::client::{Client, method};
use super::output::print;
use super::{CliError, Context};

/// Read the audit log
#[derive(Subcommand)]
pub(super) enum Audit {
    List(list::List),
    Verify(verify::Verify),
    Prove(prove::Prove),
    /// Print the newest checkpoint, a signed note; keep it elsewhere
    Checkpoint,
    /// Print the public key that checkpoints are checked with; keep it elsewhere
    Key,
    Export(export::Export),
}

impl Audit {
    pub(super) fn run(self, context: &Context) -> Result<(), CliError> {
        match self {
            Self::List(list) => list.run(context),
            Self::Verify(verify) => verify.run(context),
            Self::Prove(prove) => prove.run(context),
            Self::Checkpoint => checkpoint(&context.client()?),
            Self::Key => print(&(newest(&context.client()?)?.verifier_key + "\n")),
            Self::Export(export) => export.run(context),
        }
    }
}

fn checkpoint(client: &Client) -> Result<(), CliError> {
    match newest(client)?.checkpoint {
        note if note.is_empty() => Err(CliError::NoCheckpoint),
        note => print(&note),
    }
}

fn newest(client: &Client) -> Result<GetCheckpointResponse, CliError> {
    client.call(method::GET_CHECKPOINT, &GetCheckpointRequest::default())
}

/// The entries that a request asks for, page by page, to the end of the log as it is now.
struct Pages<'a> {
    client: &'a Client,
    request: ListEntriesRequest,
}

impl Pages<'_> {
    /// The next page, which may be empty; none at the end, where it can be asked again later.
    fn next(&mut self) -> Result<Option<Vec<AuditEntry>>, CliError> {
        let page: ListEntriesResponse = self.client.call(method::LIST_ENTRIES, &self.request)?;
        if page.next_index <= self.request.first_index {
            return Ok(None);
        }
        self.request.first_index = page.next_index;
        Ok(Some(page.entries))
    }
}
