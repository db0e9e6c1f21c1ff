//! `ampoule.v1.InjectionService`.

use ampoule_proto::LONGEST_REASON;
use ampoule_proto::messages::ampoule::v1::{
    ContainerDescriptor, Fate as WireFate, Purpose as WirePurpose, ReportRequest, ReportResponse, ResolveRequest,
    ResolveResponse, ResolvedSecret, SecretReference,
};
use ampoule_proto::services::ampoule_v1::InjectionService;
use buffa::EnumValue;
use connectrpc::{ConnectError, RequestContext, Response, ServiceRequest, ServiceResult};

use super::convert::{field, optional, optional_version, secret_text};
use super::{error::connect_error, principal};
use crate::domain::{Container, Process};
use crate::vault::{Fate, Purpose, Reference, Resolved, Vault};

pub(super) struct InjectionApi {
    vault: Vault,
}

impl InjectionApi {
    pub(super) fn new(vault: Vault) -> Self {
        Self { vault }
    }
}

impl InjectionService for InjectionApi {
    async fn resolve(
        &self,
        context: RequestContext,
        request: ServiceRequest<'_, ResolveRequest>,
    ) -> ServiceResult<ResolveResponse> {
        let principal = principal(&context)?;
        let request = request.to_owned_message();
        let purpose = purpose(request.purpose)?;
        let container = container(request.container.into_option().unwrap_or_default());
        let references: Vec<Reference> =
            request.references.into_iter().enumerate().map(reference).collect::<Result<_, _>>()?;
        let resolved = self.vault.resolve(&principal, purpose, container, references).await;
        let resolved = resolved.map_err(|error| connect_error(&error))?;
        let secrets = resolved.values.into_iter().map(resolved_secret).collect::<Result<_, _>>()?;
        Response::ok(ResolveResponse { secrets, injection_id: resolved.id.to_string() })
    }

    async fn report(
        &self,
        context: RequestContext,
        request: ServiceRequest<'_, ReportRequest>,
    ) -> ServiceResult<ReportResponse> {
        let principal = principal(&context)?;
        let request = request.to_owned_message();
        if request.fate.as_known() == Some(WireFate::FATE_REFUSED) {
            let reason = refusal(&request)?;
            let container = container(request.container.into_option().unwrap_or_default());
            self.vault.report_refused(&principal, container, reason).await.map_err(|error| connect_error(&error))?;
            return Response::ok(ReportResponse {});
        }
        let id = field("injection_id", &request.injection_id)?;
        let fate = fate(&request)?;
        self.vault.report(&principal, id, fate).await.map_err(|error| connect_error(&error))?;
        Response::ok(ReportResponse {})
    }
}

/// Why nothing was asked for.
fn refusal(request: &ReportRequest) -> Result<String, ConnectError> {
    if !request.injection_id.is_empty() {
        return Err(ConnectError::invalid_argument("injection_id is given: of what was refused there is none"));
    }
    let reason = request.reason.clone();
    if reason.is_empty() || reason.len() > LONGEST_REASON || reason.contains(char::is_control) {
        let rule = format!("reason must be a text of 1 to {LONGEST_REASON} bytes without control characters");
        return Err(ConnectError::invalid_argument(rule));
    }
    Ok(reason)
}

fn fate(request: &ReportRequest) -> Result<Fate, ConnectError> {
    let init = request.init.as_option();
    match (request.fate.as_known(), init) {
        (Some(WireFate::FATE_CREATED), Some(init)) => {
            Ok(Fate::Created(Process { pid: init.pid, started: init.started, namespace: init.namespace }))
        }
        (Some(WireFate::FATE_CREATED), None) => {
            Err(ConnectError::invalid_argument("init is missing: a container that was created has one"))
        }
        (Some(WireFate::FATE_FAILED), _) => Ok(Fate::Failed),
        (Some(WireFate::FATE_DELETED), _) => Ok(Fate::Deleted),
        (Some(WireFate::FATE_UNSPECIFIED | WireFate::FATE_REFUSED) | None, _) => {
            Err(ConnectError::invalid_argument("fate is not known: use CREATED, FAILED, DELETED or REFUSED"))
        }
    }
}

/// A daemon that knows less than the shim must not record one purpose for another.
fn purpose(wire: EnumValue<WirePurpose>) -> Result<Purpose, ConnectError> {
    match wire.as_known() {
        Some(WirePurpose::PURPOSE_UNSPECIFIED) => Ok(Purpose::Create),
        Some(WirePurpose::PURPOSE_EXEC) => Ok(Purpose::Exec),
        None => Err(ConnectError::invalid_argument("purpose is none that this daemon knows: update it")),
    }
}

fn container(wire: ContainerDescriptor) -> Container {
    let ContainerDescriptor { id, bundle, engine, image, pid, runtime, name, host, .. } = wire;
    Container { id, bundle, engine, image, pid, runtime, name, host }
}

fn reference((place, wire): (usize, SecretReference)) -> Result<Reference, ConnectError> {
    Ok(Reference {
        object: field(&format!("references[{place}].object_id"), &wire.object_id)?,
        version: optional_version(&format!("references[{place}].version"), &wire.version)?,
        name: wire.name,
        path: optional(&format!("references[{place}].path"), &wire.path)?,
    })
}

fn resolved_secret(resolved: Resolved) -> Result<ResolvedSecret, ConnectError> {
    Ok(ResolvedSecret {
        value: secret_text(&resolved.value)?,
        object_id: resolved.object.to_string(),
        version: resolved.version.to_string(),
        name: resolved.name,
    })
}
