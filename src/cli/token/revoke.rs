//! `ampoule token revoke`.

use ampoule_proto::messages::namespace::cloud::iam::v1beta::RevokeRevokableTokenRequest;
use buffa_types::google::protobuf::Empty;

use super::super::client::method;
use super::super::output::print;
use super::super::{CliError, Context};
use crate::domain::TokenId;

/// End a token, and those that were made with it
#[derive(clap::Args)]
pub(in crate::cli) struct Revoke {
    /// The token's id, tok_…; not the token itself
    #[arg(long = "token_id", alias = "token-id", value_name = "ID")]
    token_id: TokenId,
}

impl Revoke {
    pub(super) fn run(self, context: &Context) -> Result<(), CliError> {
        let token_id = self.token_id.to_string();
        let request = RevokeRevokableTokenRequest { token_id: token_id.clone() };
        let Empty { .. } = context.client()?.call(method::REVOKE_TOKEN, &request)?;
        let done = format!("Token {token_id} is revoked");
        print(&format!("Revoked {token_id}\n")).map_err(|error| error.after(done))
    }
}
