//! The API's door: listeners, callers, and wire messages made into domain types. One file per service.

mod audit;
mod authenticate;
mod body;
mod compute;
mod connection;
mod convert;
mod crowd;
mod dashboard;
mod devbox;
mod error;
mod gate;
mod health;
mod idle;
mod injection;
mod metrics;
mod pages;
mod prompt;
#[cfg(feature = "reflection")]
mod reflection;
mod requests;
mod server;
mod session;
mod stopping;
mod tls;
mod token;
mod unreadable;
mod usage;
mod vault;

use std::sync::Arc;

use connectrpc::{ConnectError, ConnectRpcService, DeadlinePolicy, Limits as WireLimits, RequestContext, Router};

pub use server::{NetworkListener, Server, serve};
pub use tls::{Tls, TlsError};

use self::stopping::Stopping;
use crate::authz::Principal;
use crate::config::Limits;
use crate::instances::Instances;
use crate::vault::Vault;

/// Every service over one vault.
fn services(
    vault: &Vault,
    instances: &Instances,
    dashboard: dashboard::DashboardApi,
    stopping: &Stopping,
    limits: &Limits,
) -> ConnectRpcService {
    let router = Router::new()
        .add_service(Arc::new(vault::VaultApi::new(vault.clone())))
        .add_service(Arc::new(injection::InjectionApi::new(vault.clone())))
        .add_service(Arc::new(audit::AuditApi::new(vault.clone())))
        .add_service(Arc::new(usage::UsageApi::new(vault.clone())))
        .add_service(Arc::new(token::TokenApi::new(vault.clone())))
        .add_service(Arc::new(compute::ComputeApi::new(instances.clone(), stopping.clone())))
        .add_service(Arc::new(compute::CommandApi::new(instances.clone(), stopping.clone())))
        .add_service(Arc::new(compute::LogApi::new(instances.clone(), stopping.clone())))
        .add_service(Arc::new(devbox::DevboxApi::new(instances.clone())))
        .add_service(Arc::new(dashboard))
        .add_service(Arc::new(health::HealthApi::new(vault.clone())));
    #[cfg(feature = "reflection")]
    let router = router.add_service(Arc::new(reflection::ReflectionApi));
    bounded(router, limits, limits.body_bytes)
}

/// The service that reads its requests while it answers.
fn sessions(instances: &Instances, stopping: &Stopping, limits: &Limits) -> ConnectRpcService {
    let service = session::SessionApi::new(instances.clone(), stopping.clone());
    // Each holds one of these in memory, for as long as it goes on.
    bounded(Router::new().add_service(Arc::new(service)), limits, session::MOST_BYTES)
}

fn bounded(router: Router, limits: &Limits, most: usize) -> ConnectRpcService {
    ConnectRpcService::new(router)
        .with_limits(WireLimits::default().with_max_request_body_size(most).with_max_message_size(most))
        .with_deadline_policy(DeadlinePolicy::new().with_max(limits.call).with_default_timeout(limits.call))
        .with_interceptor(unreadable::Unquoted)
}

/// Who sent a request; the gate put it there.
fn principal(context: &RequestContext) -> Result<Principal, ConnectError> {
    let principal = context.extensions().get::<Principal>().cloned();
    principal.ok_or_else(|| ConnectError::internal("the call did not pass the gate"))
}
