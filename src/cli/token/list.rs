//! `ampoule token list`.

use ampoule_proto::messages::namespace::cloud::iam::v1beta::{ListRevokableTokensRequest, ListRevokableTokensResponse};

use super::super::client::{Client, method};
use super::super::output::{Format, OutputFlag, print_json, print_table, time};
use super::super::{CliError, Context};
use super::Metadata;

/// List the tokens
#[derive(clap::Args)]
pub(in crate::cli) struct List {
    /// Those too that were revoked or have expired
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    output: OutputFlag,
}

impl List {
    pub(super) fn run(self, context: &Context) -> Result<(), CliError> {
        let tokens = tokens(&context.client()?, self.all)?;
        if self.output.output == Format::Json {
            return print_json(&tokens);
        }
        let row = |token: &Metadata| {
            let [created, expires, revoked] = [token.created_at, token.expires_at, token.revoked_at].map(time);
            [token.token_id.clone(), token.name.clone(), created, expires, revoked, token.creator_actor_id.clone()]
        };
        let rows: Vec<_> = tokens.iter().map(row).collect();
        print_table(context, ["TOKEN ID", "NAME", "CREATED", "EXPIRES", "REVOKED", "CREATOR"], &rows)
    }
}

/// Every page.
fn tokens(client: &Client, include_revoked: bool) -> Result<Vec<Metadata>, CliError> {
    let (mut tokens, mut pagination_cursor) = (Vec::new(), Vec::new());
    loop {
        let request = ListRevokableTokensRequest { pagination_cursor, max_entries: 0, include_revoked };
        let page: ListRevokableTokensResponse = client.call(method::LIST_TOKENS, &request)?;
        tokens.extend(page.tokens.into_iter().map(Metadata::from));
        pagination_cursor = page.pagination_cursor;
        if pagination_cursor.is_empty() {
            return Ok(tokens);
        }
    }
}
