//! Who sends a request: the holder of the token that it shows, else the process at the other end.

use std::net::IpAddr;
use std::sync::Arc;

use connectrpc::ConnectError;
use http::{HeaderMap, HeaderValue, header};

use super::error::connect_error;
use crate::authz::{Principal, Rights};
use crate::domain::{Caller, Identity, Origin, Rates, RequestId};
use crate::vault::{Error, Vault};

/// Who was found to send a request, or why nobody was. The listener puts it into the request's extensions, and the
/// gate answers in the caller's protocol, after the body.
#[derive(Clone)]
pub(super) struct Sender(pub(super) Arc<Result<Principal, Stranger>>);

/// Why a sender is not known.
pub(super) enum Stranger {
    /// It shows no token that counts, or the vault can't tell.
    Refused(Error),
    /// Too many from there have failed to show one.
    TooOften,
}

/// Failures of one address that are looked into at once, and how many more each second: each is an entry in the log.
const FAILURES: (u32, u32) = (5_000, 10);

/// Finds out who sends requests.
pub(super) struct Doorkeeper {
    vault: Vault,
    failures: Rates<Option<IpAddr>>,
}

/// Where a connection comes from, and what may be done there without a token.
#[derive(Clone)]
pub(super) struct Connected {
    pub(super) from: Origin,
    pub(super) rights: Arc<Rights>,
    /// Whether nobody else can listen in on it: by TLS, or on the socket.
    pub(super) secure: bool,
}

impl Doorkeeper {
    pub(super) fn new(vault: Vault) -> Self {
        let (burst, per_second) = FAILURES;
        Self { vault, failures: Rates::new(burst, per_second) }
    }

    /// Finds out who sends a request. Who shows a token acts as that token, and never as more.
    ///
    /// Takes the header out of the request: nothing later has a use for it, or can log it.
    pub(super) async fn sender_of(&self, connected: &Connected, headers: &mut HeaderMap, request: RequestId) -> Sender {
        let shown: Vec<HeaderValue> = headers.get_all(header::AUTHORIZATION).iter().cloned().collect();
        headers.remove(header::AUTHORIZATION);
        let found = match (shown.as_slice(), connected.from) {
            ([], Origin::Peer(peer)) => {
                let caller = Caller { identity: Identity::Peer(peer), request };
                Ok(Principal::new(caller, Arc::clone(&connected.rights)))
            }
            (shown, from) => self.holder_of(bearer(shown), from, request).await,
        };
        Sender(Arc::new(found))
    }

    async fn holder_of(&self, token: &str, from: Origin, request: RequestId) -> Result<Principal, Stranger> {
        let address = match from {
            Origin::Address(address) => Some(address.ip()),
            Origin::Peer(_) => None,
        };
        if self.failures.is_exhausted(&address) {
            return Err(Stranger::TooOften);
        }
        let found = self.vault.authenticate(token, from, request).await;
        if matches!(found, Err(Error::Unauthenticated)) {
            self.failures.take(&address);
        }
        found.map_err(Stranger::Refused)
    }
}

impl Stranger {
    /// What it is told.
    pub(super) fn error(&self) -> ConnectError {
        match self {
            Self::Refused(error) => connect_error(error),
            Self::TooOften => {
                ConnectError::resource_exhausted("too many calls from there showed no token that counts: wait a second")
            }
        }
    }
}

/// The one token that is shown; an empty text, which no token is, where there is none, another scheme, or several.
fn bearer(shown: &[HeaderValue]) -> &str {
    let [one] = shown else { return "" };
    let Some((scheme, token)) = one.to_str().ok().and_then(|text| text.split_once(' ')) else { return "" };
    if scheme.eq_ignore_ascii_case("bearer") { token.trim() } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bearer_token_is_read_and_nothing_else() {
        let header = |text: &'static str| HeaderValue::from_static(text);
        for (text, token) in [("Bearer amp_x", "amp_x"), ("bearer  amp_x ", "amp_x"), ("BEARER amp_x", "amp_x")] {
            assert_eq!(bearer(&[header(text)]), token);
        }
        for text in ["", "Bearer", "Basic amp_x", "amp_x", "Bearer\tamp_x"] {
            assert_eq!(bearer(&[header(text)]), "", "{text}");
        }
        assert_eq!(bearer(&[]), "");
        assert_eq!(bearer(&[header("Bearer amp_x"), header("Bearer amp_x")]), "");
    }
}
