//! `ampoule.v1.DashboardService`, and the dashboard's own requests on their way to it.

use std::sync::Arc;

use ampoule_proto::messages::ampoule::v1::{CreateLinkRequest, CreateLinkResponse};
use ampoule_proto::services::ampoule_v1::DashboardService;
use ampoule_proto::wire::SecretText;
use buffa::MessageField;
use bytes::Bytes;
use connectrpc::{ConnectError, RequestContext, Response, ServiceRequest, ServiceResult};
use http::request::Parts;

use super::authenticate::Connected;
use super::convert::timestamp;
use super::pages::Body;
use super::{error::connect_error, principal};
use crate::dashboard::{Content, Dashboard, LINK_LIFE, Visit};
use crate::domain::{Origin, RequestId, Timestamp};
use crate::vault::Vault;

/// The way into it, if it is served.
pub(super) struct DashboardApi {
    vault: Vault,
    dashboard: Option<Arc<Dashboard>>,
    urls: Vec<String>,
}

impl DashboardApi {
    pub(super) fn new(vault: Vault, dashboard: Option<Arc<Dashboard>>, urls: Vec<String>) -> Self {
        Self { vault, dashboard, urls }
    }
}

impl DashboardService for DashboardApi {
    async fn create_link(
        &self,
        context: RequestContext,
        _: ServiceRequest<'_, CreateLinkRequest>,
    ) -> ServiceResult<CreateLinkResponse> {
        let principal = principal(&context)?;
        let Some(dashboard) = &self.dashboard else {
            // Who may not is told so, whether there is one or not.
            self.vault.permit_link(&principal).await.map_err(|error| connect_error(&error))?;
            return Err(ConnectError::failed_precondition(
                "this daemon serves no dashboard: set `dashboard: true` and `listen` in its settings",
            ));
        };
        let code = dashboard.open(&principal).await.map_err(|error| connect_error(&error))?;
        let expires_at = Timestamp::now().saturating_add(LINK_LIFE).unwrap_or(Timestamp::MAX);
        Response::ok(CreateLinkResponse {
            urls: self.urls.clone(),
            ticket: SecretText::from(code.as_str()),
            expires_at: MessageField::some(timestamp(expires_at)),
        })
    }
}

/// Whether a request is the dashboard's. It is for browsers: on the socket there is none.
pub(super) fn is_for(dashboard: Option<&Arc<Dashboard>>, connected: &Connected, path: &str) -> bool {
    dashboard.is_some() && matches!(connected.from, Origin::Address(_)) && crate::dashboard::is_ours(path)
}

/// Lets the dashboard answer.
pub(super) async fn answer(
    dashboard: &Dashboard,
    connected: &Connected,
    parts: Parts,
    body: Bytes,
    request: RequestId,
) -> http::Response<Body> {
    let Parts { method, uri, headers, .. } = parts;
    let visit = Visit { method, uri, headers, body, from: connected.from, secure: connected.secure, request };
    dashboard.answer(visit).await.map(|content| match content {
        Content::Whole(bytes) => Body::Page(bytes.into()),
        Content::Pieces(pieces) => Body::Pieces(pieces),
    })
}
