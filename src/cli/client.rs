//! Calls to the daemon, one at a time.

use std::io::ErrorKind;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use ampoule_proto::call::{self, CallError};
use buffa::Message;
use http::{HeaderName, HeaderValue};

use super::CliError;

/// The way to the daemon on one socket.
pub(super) struct Client {
    socket: PathBuf,
}

/// The methods that the command line calls.
pub(super) mod method {
    pub(in crate::cli) const CREATE: &str = "/namespace.cloud.vault.v1beta.VaultService/CreateObject";
    pub(in crate::cli) const UPDATE: &str = "/namespace.cloud.vault.v1beta.VaultService/UpdateObject";
    pub(in crate::cli) const DESCRIBE: &str = "/namespace.cloud.vault.v1beta.VaultService/DescribeObject";
    pub(in crate::cli) const LIST: &str = "/namespace.cloud.vault.v1beta.VaultService/ListObjects";
    pub(in crate::cli) const DELETE: &str = "/namespace.cloud.vault.v1beta.VaultService/DeleteObject";
    pub(in crate::cli) const LIST_ENTRIES: &str = "/ampoule.v1.AuditService/ListEntries";
    pub(in crate::cli) const GET_CHECKPOINT: &str = "/ampoule.v1.AuditService/GetCheckpoint";
    pub(in crate::cli) const GET_INCLUSION_PROOF: &str = "/ampoule.v1.AuditService/GetInclusionProof";
}

impl Client {
    pub(super) fn new(socket: PathBuf) -> Self {
        Self { socket }
    }

    /// Fails if nobody listens.
    pub(super) fn reach(&self) -> Result<(), CliError> {
        match UnixStream::connect(&self.socket) {
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => {
                Err(CallError::NotRunning { socket: self.socket.clone() }.into())
            }
            // Whatever else is wrong the call itself will tell.
            _ => Ok(()),
        }
    }

    /// Calls a method.
    pub(super) fn call<Q: Message, A: Message>(&self, method: &'static str, request: &Q) -> Result<A, CliError> {
        self.call_with(method, &[], request)
    }

    /// Describes a secret without its value, which the log then doesn't count as revealed.
    pub(super) fn call_for_metadata<Q: Message, A: Message>(
        &self,
        method: &'static str,
        request: &Q,
    ) -> Result<A, CliError> {
        let header = (HeaderName::from_static("ampoule-metadata-only"), HeaderValue::from_static("1"));
        self.call_with(method, &[header], request)
    }

    fn call_with<Q: Message, A: Message>(
        &self,
        method: &'static str,
        headers: &[(HeaderName, HeaderValue)],
        request: &Q,
    ) -> Result<A, CliError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
        let runtime = runtime.map_err(|error| CliError::System { what: "the daemon can't be called", error })?;
        Ok(runtime.block_on(call::unary(&self.socket, method, headers, request))?)
    }
}
