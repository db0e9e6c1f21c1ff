//! The API's door: listeners, callers, and wire messages made into domain types. One file per service.

mod audit;
mod authenticate;
mod convert;
mod error;
mod injection;
mod server;
mod token;
mod unreadable;
mod vault;

use std::sync::Arc;

use connectrpc::{ConnectError, ConnectRpcService, Limits, RequestContext, Router};

pub use server::{Server, serve};

use authenticate::Sender;
use error::connect_error;

use crate::authz::Principal;
use crate::vault::Vault;

/// The longest request: 1,024 references, or a value of 64 KiB escaped as JSON, and some room.
const MOST_REQUEST: usize = 1024 * 1024;

/// Every service over one vault.
pub fn services(vault: &Vault) -> ConnectRpcService {
    let router = Router::new()
        .add_service(Arc::new(vault::VaultApi::new(vault.clone())))
        .add_service(Arc::new(injection::InjectionApi::new(vault.clone())))
        .add_service(Arc::new(audit::AuditApi::new(vault.clone())))
        .add_service(Arc::new(token::TokenApi::new(vault.clone())));
    let limits = Limits::default().with_max_request_body_size(MOST_REQUEST).with_max_message_size(MOST_REQUEST);
    ConnectRpcService::new(router).with_limits(limits).with_interceptor(unreadable::Unquoted)
}

/// Who sent a request; the listener put it there.
fn principal(context: &RequestContext) -> Result<Principal, ConnectError> {
    let Some(Sender(sender)) = context.extensions().get::<Sender>() else {
        return Err(ConnectError::internal("the listener did not say who calls"));
    };
    sender.as_ref().as_ref().cloned().map_err(connect_error)
}
