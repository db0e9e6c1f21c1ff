//! `namespace.cloud.iam.v1beta.TokenService`.

use ampoule_proto::messages::namespace::cloud::iam::v1beta::{
    BatchRevokeRevokableTokenRequest, BatchRevokeRevokableTokenResponse, CreateRevokableTokenRequest,
    CreateRevokableTokenResponse, ListRevokableTokensRequest, ListRevokableTokensResponse,
    Permission as WirePermission, RevokableToken, RevokeRevokableTokenRequest,
};
use ampoule_proto::services::iam_v1beta::TokenService;
use ampoule_proto::wire::SecretText;
use buffa::MessageField;
use buffa_types::google::protobuf::{Empty, Timestamp as WireTimestamp};
use connectrpc::{ConnectError, RequestContext, Response, ServiceRequest, ServiceResult};

use super::convert::{field, invalid, time, timestamp};
use super::{error::connect_error, principal};
use crate::authz::{Permission, Token};
use crate::domain::{Description, Timestamp};
use crate::vault::{NewToken, TokenFilter, Vault};

pub(super) struct TokenApi {
    vault: Vault,
}

impl TokenApi {
    pub(super) fn new(vault: Vault) -> Self {
        Self { vault }
    }

    fn wire(&self, token: &Token) -> RevokableToken {
        RevokableToken {
            token_id: token.id.to_string(),
            tenant_id: self.vault.id().to_string(),
            name: token.name.as_str().to_owned(),
            description: token.description.as_str().to_owned(),
            created_at: MessageField::some(timestamp(token.created_at)),
            expires_at: MessageField::some(timestamp(token.expires_at)),
            revoked_at: token.revoked.as_ref().map(|revoked| timestamp(revoked.at)).into(),
            revoked_by_actor_id: token.revoked.as_ref().map(|revoked| revoked.by.to_string()).unwrap_or_default(),
            creator_actor_id: token.creator.to_string(),
        }
    }
}

impl TokenService for TokenApi {
    async fn create_revokable_token(
        &self,
        context: RequestContext,
        request: ServiceRequest<'_, CreateRevokableTokenRequest>,
    ) -> ServiceResult<CreateRevokableTokenResponse> {
        let principal = principal(&context)?;
        let new = new_token(request.to_owned_message())?;
        let made = self.vault.create_token(&principal, new).await.map_err(|error| connect_error(&error))?;
        let bearer_token = SecretText::try_from(made.bearer.into_secret());
        Response::ok(CreateRevokableTokenResponse {
            bearer_token: bearer_token.map_err(|_| ConnectError::internal("a token is not UTF-8"))?,
            token: MessageField::some(self.wire(&made.token)),
        })
    }

    async fn revoke_revokable_token(
        &self,
        context: RequestContext,
        request: ServiceRequest<'_, RevokeRevokableTokenRequest>,
    ) -> ServiceResult<Empty> {
        let principal = principal(&context)?;
        let id = field("token_id", request.token_id)?;
        self.vault.revoke_token(&principal, id).await.map_err(|error| connect_error(&error))?;
        Response::ok(Empty::default())
    }

    async fn list_revokable_tokens(
        &self,
        context: RequestContext,
        request: ServiceRequest<'_, ListRevokableTokensRequest>,
    ) -> ServiceResult<ListRevokableTokensResponse> {
        let principal = principal(&context)?;
        let request = request.to_owned_message();
        let after = place(&request.pagination_cursor)?;
        let most = usize::try_from(request.max_entries);
        let most = most.map_err(|_| ConnectError::invalid_argument("max_entries is negative"))?;
        let page = self.vault.list_tokens(&principal, after, most, request.include_revoked).await;
        let page = page.map_err(|error| connect_error(&error))?;
        Response::ok(ListRevokableTokensResponse {
            tokens: page.tokens.iter().map(|token| self.wire(token)).collect(),
            pagination_cursor: page.next.map(|place| place.to_be_bytes().to_vec()).unwrap_or_default(),
        })
    }

    async fn batch_revoke_revokable_token(
        &self,
        context: RequestContext,
        request: ServiceRequest<'_, BatchRevokeRevokableTokenRequest>,
    ) -> ServiceResult<BatchRevokeRevokableTokenResponse> {
        let principal = principal(&context)?;
        let request = request.to_owned_message();
        let creator = request.created_by_actor_id.as_str();
        let filter = TokenFilter {
            before: optional_time("before", request.before.as_option())?,
            creator: if creator.is_empty() { None } else { Some(field("created_by_actor_id", creator)?) },
        };
        let ended = self.vault.batch_revoke_tokens(&principal, filter).await.map_err(|error| connect_error(&error))?;
        let revoked_token_ids = ended.iter().map(ToString::to_string).collect();
        Response::ok(BatchRevokeRevokableTokenResponse { revoked_token_ids })
    }
}

fn new_token(request: CreateRevokableTokenRequest) -> Result<NewToken, ConnectError> {
    if !request.policies.is_empty() {
        return Err(ConnectError::invalid_argument("policies is not supported: grant permissions in access.grants"));
    }
    let grants = request.access.into_option().unwrap_or_default().grants;
    Ok(NewToken {
        name: field("name", &request.name)?,
        description: Description::new(request.description).map_err(invalid)?,
        expires_at: optional_time("expires_at", request.expires_at.as_option())?,
        permissions: grants.iter().enumerate().map(permission).collect::<Result<_, _>>()?,
    })
}

fn permission((place, wire): (usize, &WirePermission)) -> Result<Permission, ConnectError> {
    let parsed = Permission::parse(&wire.resource_type, &wire.resource_id, wire.actions.iter().map(String::as_str));
    parsed.map_err(|error| ConnectError::invalid_argument(format!("access.grants[{place}]: {error}")))
}

fn optional_time(name: &str, wire: Option<&WireTimestamp>) -> Result<Option<Timestamp>, ConnectError> {
    wire.map(|wire| time(name, wire)).transpose()
}

fn place(cursor: &[u8]) -> Result<u64, ConnectError> {
    if cursor.is_empty() {
        return Ok(0);
    }
    let bytes = cursor.try_into();
    bytes.map(u64::from_be_bytes).map_err(|_| ConnectError::invalid_argument("pagination_cursor is not one of ours"))
}
