//! `ampoule token create`.

use std::fmt;
use std::str::FromStr;

use ampoule_proto::messages::namespace::cloud::iam::v1beta::{
    AccessPolicy, CreateRevokableTokenRequest, CreateRevokableTokenResponse, Permission,
};
use ampoule_proto::wire::SecretText;
use buffa::MessageField;
use buffa_types::google::protobuf::Timestamp as WireTimestamp;
use serde::Serialize;

use super::super::client::{Client, method};
use super::super::lifetime::Lifetime;
use super::super::output::{Format, OutputFlag, print, print_json, time, visible};
use super::super::token_file::NewTokenFile;
use super::super::{CliError, Context};
use super::Metadata;
use crate::domain::Timestamp;

/// Make a token, and show it this once
///
/// With --token_file the token is written there, for its owner alone, and not shown.
#[derive(clap::Args)]
pub(in crate::cli) struct Create {
    /// What the token is called; no other living token can have the same name
    #[arg(long)]
    name: String,
    /// What the token is for
    #[arg(short, long, default_value = "", hide_default_value = true)]
    description: String,
    /// How long it lives: 12h, 30d, 4w; at most 90d
    #[arg(long = "expires-in", alias = "expires_in", value_name = "TIME", default_value = "30d")]
    expires_in: Lifetime,
    /// What its holder may do, such as vault/object:label:env=prod:describe,inject; may be repeated
    #[arg(long = "grant", value_name = "TYPE:ID:ACTIONS", required = true)]
    grants: Vec<Grant>,
    #[command(flatten)]
    output: OutputFlag,
}

/// A new token. What `-o json` prints.
#[derive(Serialize)]
struct Made {
    #[serde(skip_serializing_if = "Option::is_none")]
    bearer_token: Option<SecretText>,
    token: Metadata,
}

impl Create {
    pub(super) fn run(self, context: &Context) -> Result<(), CliError> {
        let client = Client::without_token_flag(context)?;
        let file = context.remote.token_file.as_deref().map(NewTokenFile::prepare_new).transpose()?;
        let (format, request) = (self.output.output, self.request());
        let made: CreateRevokableTokenResponse = client.call(method::CREATE_TOKEN, &request)?;
        let token = made.token.into_option().ok_or(CliError::Answer { what: "token" })?.into();
        let shown = match file {
            Some(file) => file.write(&made.bearer_token).map(|_| None)?,
            None => Some(made.bearer_token),
        };
        let made = Made { bearer_token: shown, token };
        let done = format!("Token {} is made", made.token.token_id);
        let printed = if format == Format::Json { print_json(&made) } else { print(&made.text()) };
        printed.map_err(|error| error.after(done))
    }

    fn request(self) -> CreateRevokableTokenRequest {
        let expires_at = Timestamp::now().saturating_add(self.expires_in.0).unwrap_or(Timestamp::MAX);
        let wire = WireTimestamp {
            seconds: expires_at.as_second(),
            nanos: expires_at.subsec_nanosecond(),
            ..WireTimestamp::default()
        };
        let grants = self.grants.into_iter().map(|grant| grant.0).collect();
        CreateRevokableTokenRequest {
            name: self.name,
            description: self.description,
            expires_at: MessageField::some(wire),
            access: MessageField::some(AccessPolicy { grants }),
            ..CreateRevokableTokenRequest::default()
        }
    }
}

impl Made {
    fn text(&self) -> String {
        let token = &self.token;
        let lines = [
            ("Token ID:", token.token_id.clone()),
            ("Name:", token.name.clone()),
            ("Expires At:", time(token.expires_at)),
        ];
        let shown = self.bearer_token.as_ref().map(|token| ("Token:", token.to_string()));
        let line = |(name, text): &(&str, String)| format!("{name:<13}{}\n", visible(text));
        lines.iter().chain(&shown).map(line).collect()
    }
}

/// A permission as an argument: the type, the resources and the actions, between colons.
#[derive(Clone, Debug)]
struct Grant(Permission);

/// A text that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct InvalidGrant;

impl FromStr for Grant {
    type Err = InvalidGrant;

    /// What stands between the first colon and the last is the daemon's to judge: a label may have colons of its own.
    fn from_str(text: &str) -> Result<Self, InvalidGrant> {
        let (resource_type, rest) = text.split_once(':').ok_or(InvalidGrant)?;
        let (resource_id, actions) = rest.rsplit_once(':').ok_or(InvalidGrant)?;
        let actions = actions.split(',').map(str::to_owned).collect();
        let (resource_type, resource_id) = (resource_type.to_owned(), resource_id.to_owned());
        Ok(Self(Permission { resource_type, resource_id, actions }))
    }
}

impl fmt::Display for InvalidGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected TYPE:ID:ACTIONS, such as vault/object:*:describe,inject")
    }
}

impl std::error::Error for InvalidGrant {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_is_split_at_its_outer_colons() {
        for (text, id, actions) in [
            ("vault/object:*:describe,inject", "*", &["describe", "inject"][..]),
            ("vault/object:label:env=prod:list", "label:env=prod", &["list"]),
            ("vault/object:label:at=a:b:list", "label:at=a:b", &["list"]),
        ] {
            let Grant(permission) = text.parse().expect("parses");
            assert_eq!((permission.resource_type.as_str(), permission.resource_id.as_str()), ("vault/object", id));
            assert_eq!(permission.actions, actions);
        }
        for text in ["", "vault/object", "vault/object:*"] {
            assert_eq!(text.parse::<Grant>().map(|_| ()), Err(InvalidGrant), "{text}");
        }
    }
}
