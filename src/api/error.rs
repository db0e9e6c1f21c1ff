//! What a failure is called on the wire.

use connectrpc::{ConnectError, ErrorCode};

use crate::store::StoreError;
use crate::vault::{Error, InstanceRefusal, Refusal, TokenRefusal};

/// A Connect error for a use case that was not done.
pub(super) fn connect_error(error: &Error) -> ConnectError {
    let code = match error {
        Error::Invalid(_) => ErrorCode::InvalidArgument,
        Error::Denied(_) => ErrorCode::PermissionDenied,
        Error::Refused(refusal) => refusal_code(refusal),
        Error::Unresolved(failures) => {
            failures.first().map_or(ErrorCode::Internal, |(_, refusal)| refusal_code(refusal))
        }
        Error::BrokenLog { .. } | Error::Store(StoreError::Damaged { .. } | StoreError::Malformed { .. }) => {
            ErrorCode::DataLoss
        }
        Error::UnknownInjection { .. } => ErrorCode::NotFound,
        Error::Token(refusal) => token_code(refusal),
        Error::Instance(refusal) => instance_code(refusal),
        Error::Unauthenticated => ErrorCode::Unauthenticated,
        Error::Store(_) => ErrorCode::Unavailable,
        Error::Key(_) => ErrorCode::Internal,
    };
    if matches!(error, Error::BrokenLog { .. } | Error::Store(_) | Error::Key(_)) {
        tracing::error!(error = error.to_string(), "a request failed");
    }
    ConnectError::new(code, error.to_string())
}

fn refusal_code(refusal: &Refusal) -> ErrorCode {
    match refusal {
        Refusal::Unknown { .. } | Refusal::Forbidden { .. } | Refusal::UnknownVersion { .. } => ErrorCode::NotFound,
        Refusal::Deleted { .. } | Refusal::Destroyed { .. } | Refusal::VersionMismatch { .. } => {
            ErrorCode::FailedPrecondition
        }
        Refusal::Tampered { .. } => ErrorCode::DataLoss,
    }
}

fn instance_code(refusal: &InstanceRefusal) -> ErrorCode {
    match refusal {
        InstanceRefusal::Unknown { .. }
        | InstanceRefusal::UnknownDevbox { .. }
        | InstanceRefusal::NoContainer { .. } => ErrorCode::NotFound,
        InstanceRefusal::NameTaken { .. } => ErrorCode::AlreadyExists,
        InstanceRefusal::State { .. } | InstanceRefusal::Engine(_) => ErrorCode::FailedPrecondition,
        InstanceRefusal::NoToken => ErrorCode::PermissionDenied,
        InstanceRefusal::Busy { .. } => ErrorCode::ResourceExhausted,
        InstanceRefusal::Off => ErrorCode::Unimplemented,
    }
}

fn token_code(refusal: &TokenRefusal) -> ErrorCode {
    match refusal {
        TokenRefusal::Denied(_) | TokenRefusal::Exceeds { .. } | TokenRefusal::Outlives { .. } => {
            ErrorCode::PermissionDenied
        }
        TokenRefusal::Unknown { .. } | TokenRefusal::Forbidden { .. } => ErrorCode::NotFound,
        TokenRefusal::NameTaken { .. } => ErrorCode::AlreadyExists,
        TokenRefusal::CallerEnded => ErrorCode::Unauthenticated,
    }
}
