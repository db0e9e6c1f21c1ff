//! `ampoule token …`: one file for each.

mod create;
mod list;
mod revoke;

use ampoule_proto::messages::namespace::cloud::iam::v1beta::RevokableToken;
use clap::Subcommand;
use serde::Serialize;

use super::output::timestamp;
use super::{CliError, Context};
use crate::domain::Timestamp;

/// Make, list and end tokens, for callers elsewhere
#[derive(Subcommand)]
pub(super) enum Token {
    Create(create::Create),
    List(list::List),
    Revoke(revoke::Revoke),
}

impl Token {
    pub(super) fn run(self, context: &Context) -> Result<(), CliError> {
        match self {
            Self::Create(create) => create.run(context),
            Self::List(list) => list.run(context),
            Self::Revoke(revoke) => revoke.run(context),
        }
    }
}

/// What is known of a token, under the names of the proto fields.
#[derive(Serialize)]
struct Metadata {
    token_id: String,
    tenant_id: String,
    name: String,
    description: String,
    created_at: Option<Timestamp>,
    expires_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "String::is_empty")]
    revoked_by_actor_id: String,
    creator_actor_id: String,
}

impl From<RevokableToken> for Metadata {
    fn from(wire: RevokableToken) -> Self {
        Self {
            token_id: wire.token_id,
            tenant_id: wire.tenant_id,
            name: wire.name,
            description: wire.description,
            created_at: wire.created_at.into_option().and_then(|at| timestamp(&at)),
            expires_at: wire.expires_at.into_option().and_then(|at| timestamp(&at)),
            revoked_at: wire.revoked_at.into_option().and_then(|at| timestamp(&at)),
            revoked_by_actor_id: wire.revoked_by_actor_id,
            creator_actor_id: wire.creator_actor_id,
        }
    }
}
