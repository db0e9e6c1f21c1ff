//! Why a page is not shown, and what is shown in its place.

use http::StatusCode;

use crate::store::StoreError;
use crate::vault::{Error, InstanceRefusal, Refusal, TokenRefusal};

/// Why a page is not shown.
pub(super) enum Fault {
    /// There is no such page.
    NotFound,
    /// There is, but not by that method.
    Method(&'static str),
    /// What was filled in can't be read.
    Unreadable,
    /// No page of ours sent it, or one of another session.
    Foreign,
    /// Too many attempts.
    TooOften,
    /// A page could not be made.
    Page(String),
    /// The vault would not.
    Vault(Error),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Vault(error)
    }
}

impl Fault {
    /// The status and a heading.
    pub(super) fn status(&self) -> (StatusCode, &'static str) {
        match self {
            Self::NotFound => (StatusCode::NOT_FOUND, "There is no such page"),
            Self::Method(_) => (StatusCode::METHOD_NOT_ALLOWED, "That can't be done here"),
            Self::Unreadable => (StatusCode::BAD_REQUEST, "The form can't be read"),
            Self::Foreign => (StatusCode::FORBIDDEN, "That did not come from this page"),
            Self::TooOften => (StatusCode::TOO_MANY_REQUESTS, "Too many attempts"),
            Self::Page(_) => (StatusCode::INTERNAL_SERVER_ERROR, "The page can't be shown"),
            Self::Vault(error) => of_vault(error),
        }
    }

    /// What to do.
    pub(super) fn text(&self) -> String {
        match self {
            Self::NotFound => "Go on from one of the pages above.".to_owned(),
            Self::Method(_) => "Go back and use the page's own buttons.".to_owned(),
            Self::Unreadable => "Go back and send it again.".to_owned(),
            Self::Foreign => {
                "Nothing was done. The form is of an older session, or another site sent it: go back, load the page anew \
                 and try again."
                    .to_owned()
            }
            Self::TooOften => "Wait a few seconds and try again.".to_owned(),
            Self::Page(_) => "The daemon's log says why.".to_owned(),
            Self::Vault(error) => error.to_string(),
        }
    }
}

fn of_vault(error: &Error) -> (StatusCode, &'static str) {
    const NOT_FOUND: (StatusCode, &str) = (StatusCode::NOT_FOUND, "Not there, or not for you");
    const FORBIDDEN: (StatusCode, &str) = (StatusCode::FORBIDDEN, "You may not do that");
    const CONFLICT: (StatusCode, &str) = (StatusCode::CONFLICT, "It is not in a state for that");
    match error {
        Error::Invalid(_) => (StatusCode::BAD_REQUEST, "Something is not right yet"),
        Error::Refused(Refusal::Unknown { .. } | Refusal::Forbidden { .. } | Refusal::UnknownVersion { .. })
        | Error::UnknownInjection { .. }
        | Error::Token(TokenRefusal::Unknown { .. } | TokenRefusal::Forbidden { .. })
        | Error::Instance(
            InstanceRefusal::Unknown { .. }
            | InstanceRefusal::UnknownDevbox { .. }
            | InstanceRefusal::NoContainer { .. },
        ) => NOT_FOUND,
        Error::Refused(Refusal::Tampered { .. })
        | Error::BrokenLog { .. }
        | Error::Store(StoreError::Damaged { .. } | StoreError::Malformed { .. }) => {
            (StatusCode::INTERNAL_SERVER_ERROR, "The vault is not what it was")
        }
        Error::Refused(_)
        | Error::Unresolved(_)
        | Error::Token(TokenRefusal::NameTaken { .. })
        | Error::Instance(
            InstanceRefusal::NameTaken { .. }
            | InstanceRefusal::State { .. }
            | InstanceRefusal::Engine(_)
            | InstanceRefusal::NoToken
            | InstanceRefusal::Busy { .. }
            | InstanceRefusal::Off,
        ) => CONFLICT,
        Error::Token(TokenRefusal::CallerEnded) | Error::Unauthenticated => {
            (StatusCode::UNAUTHORIZED, "You are not signed in")
        }
        Error::Denied(_) | Error::Token(_) => FORBIDDEN,
        Error::Store(_) | Error::Key(_) => (StatusCode::SERVICE_UNAVAILABLE, "The vault can't do that now"),
    }
}
