//! `ampoule.v1.UsageService`.

use ampoule_proto::messages::ampoule::v1::{ContainerState, ListUsageRequest, ListUsageResponse, Usage as WireUsage};
use ampoule_proto::services::ampoule_v1::UsageService;
use buffa::{EnumValue, MessageField};
use connectrpc::{RequestContext, Response, ServiceRequest, ServiceResult};

use super::convert::{optional, timestamp};
use super::{error::connect_error, principal};
use crate::vault::{Usage, UsageFilter, Vault};

pub(super) struct UsageApi {
    vault: Vault,
}

impl UsageApi {
    pub(super) fn new(vault: Vault) -> Self {
        Self { vault }
    }
}

impl UsageService for UsageApi {
    async fn list_usage(
        &self,
        context: RequestContext,
        request: ServiceRequest<'_, ListUsageRequest>,
    ) -> ServiceResult<ListUsageResponse> {
        let principal = principal(&context)?;
        let request = request.to_owned_message();
        let filter = UsageFilter {
            object: optional("object_id", &request.object_id)?,
            stale: request.stale,
            container: Some(request.container).filter(|container| !container.is_empty()),
        };
        let found = self.vault.usage(&principal, filter).await.map_err(|error| connect_error(&error))?;
        Response::ok(ListUsageResponse { usage: found.into_iter().map(usage).collect() })
    }
}

fn usage(found: Usage) -> WireUsage {
    let state =
        if found.runs { ContainerState::CONTAINER_STATE_RUNNING } else { ContainerState::CONTAINER_STATE_UNKNOWN };
    WireUsage {
        container_id: found.container.id,
        container_name: found.container.name,
        engine: found.container.engine,
        image: found.container.image,
        host: found.container.host,
        object_id: found.object.to_string(),
        version: found.version.to_string(),
        current_version: found.current.to_string(),
        deleted: found.deleted,
        names: found.names,
        since: MessageField::some(timestamp(found.since)),
        state: EnumValue::from(state),
    }
}
