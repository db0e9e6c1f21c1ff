//! Whether the daemon can do its work: `grpc.health.v1.Health` and what `/readyz` asks.

use ampoule_proto::messages::grpc::health::v1::health_check_response::ServingStatus;
use ampoule_proto::messages::grpc::health::v1::{HealthCheckRequest, HealthCheckResponse};
use ampoule_proto::services::health_v1::Health;
use buffa::EnumValue;
use connectrpc::{ConnectError, RequestContext, Response, ServiceRequest, ServiceResult};

use crate::vault::Vault;

/// The method that needs no caller.
pub(super) const HEALTH_CHECK: &str = "/grpc.health.v1.Health/Check";

/// The services that can be asked about; all of them live and fall together.
const SERVICES: [&str; 5] = [
    "",
    "namespace.cloud.vault.v1beta.VaultService",
    "ampoule.v1.InjectionService",
    "ampoule.v1.AuditService",
    "namespace.cloud.iam.v1beta.TokenService",
];

/// Whether an access could be recorded now; every access must be.
pub(super) async fn ready(vault: &Vault) -> Result<(), &'static str> {
    vault.can_record().await.map_err(|_| "the audit log can't be written")
}

pub(super) struct HealthApi {
    vault: Vault,
}

impl HealthApi {
    pub(super) fn new(vault: Vault) -> Self {
        Self { vault }
    }
}

impl Health for HealthApi {
    async fn check(
        &self,
        _: RequestContext,
        request: ServiceRequest<'_, HealthCheckRequest>,
    ) -> ServiceResult<HealthCheckResponse> {
        if !SERVICES.contains(&request.service) {
            return Err(ConnectError::not_found("there is no service of that name"));
        }
        let status = match ready(&self.vault).await {
            Ok(()) => ServingStatus::SERVING,
            Err(_) => ServingStatus::NOT_SERVING,
        };
        Response::ok(HealthCheckResponse { status: EnumValue::from(status) })
    }
}
