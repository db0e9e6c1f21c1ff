//! Calls to the daemon, one at a time: on the socket of this host, or over TLS elsewhere.

use std::io::ErrorKind;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ampoule_proto::call::{self, Answer, CallError, Sending, Streaming};
use buffa::Message;
use http::{HeaderName, HeaderValue, header};
use tokio::runtime::Runtime;

use super::remote::Remote;
use super::token_file::Token;
use super::{CliError, Context};
use crate::config::{Destination, token_file};

/// The way to the daemon.
pub(super) struct Client {
    way: Way,
    token: Option<Token>,
}

enum Way {
    Socket(PathBuf),
    Remote(Remote),
}

/// The methods that the command line calls.
pub(super) mod method {
    pub(in crate::cli) const CREATE: &str = "/namespace.cloud.vault.v1beta.VaultService/CreateObject";
    pub(in crate::cli) const UPDATE: &str = "/namespace.cloud.vault.v1beta.VaultService/UpdateObject";
    pub(in crate::cli) const DESCRIBE: &str = "/namespace.cloud.vault.v1beta.VaultService/DescribeObject";
    pub(in crate::cli) const LIST: &str = "/namespace.cloud.vault.v1beta.VaultService/ListObjects";
    pub(in crate::cli) const DELETE: &str = "/namespace.cloud.vault.v1beta.VaultService/DeleteObject";
    pub(in crate::cli) const CREATE_INSTANCE: &str = "/namespace.cloud.compute.v1beta.ComputeService/CreateInstance";
    pub(in crate::cli) const WAIT_INSTANCE: &str = "/namespace.cloud.compute.v1beta.ComputeService/WaitInstance";
    pub(in crate::cli) const EXTEND_INSTANCE: &str = "/namespace.cloud.compute.v1beta.ComputeService/ExtendInstance";
    pub(in crate::cli) const DESCRIBE_INSTANCE: &str =
        "/namespace.cloud.compute.v1beta.ComputeService/DescribeInstance";
    pub(in crate::cli) const DESTROY_INSTANCE: &str = "/namespace.cloud.compute.v1beta.ComputeService/DestroyInstance";
    pub(in crate::cli) const LIST_INSTANCES: &str = "/namespace.cloud.compute.v1beta.ComputeService/ListInstances";
    pub(in crate::cli) const RUN_COMMAND: &str = "/namespace.cloud.compute.v1beta.CommandService/RunCommand";
    pub(in crate::cli) const STREAM_LOGS: &str =
        "/namespace.cloud.compute.v1beta.ObservabilityService/StreamInstanceLogs";
    pub(in crate::cli) const ATTACH: &str = "/ampoule.v1.SessionService/Attach";
    pub(in crate::cli) const UPLOAD: &str = "/ampoule.v1.SessionService/Upload";
    pub(in crate::cli) const DOWNLOAD: &str = "/ampoule.v1.SessionService/Download";
    pub(in crate::cli) const CREATE_DEVBOX: &str = "/ampoule.v1.DevboxService/CreateDevbox";
    pub(in crate::cli) const LIST_DEVBOXES: &str = "/ampoule.v1.DevboxService/ListDevboxes";
    pub(in crate::cli) const DESCRIBE_DEVBOX: &str = "/ampoule.v1.DevboxService/DescribeDevbox";
    pub(in crate::cli) const STOP_DEVBOX: &str = "/ampoule.v1.DevboxService/StopDevbox";
    pub(in crate::cli) const START_DEVBOX: &str = "/ampoule.v1.DevboxService/StartDevbox";
    pub(in crate::cli) const EXPIRE_DEVBOX: &str = "/ampoule.v1.DevboxService/ExpireDevbox";
    pub(in crate::cli) const LIST_ENTRIES: &str = "/ampoule.v1.AuditService/ListEntries";
    pub(in crate::cli) const GET_CHECKPOINT: &str = "/ampoule.v1.AuditService/GetCheckpoint";
    pub(in crate::cli) const GET_INCLUSION_PROOF: &str = "/ampoule.v1.AuditService/GetInclusionProof";
    pub(in crate::cli) const CREATE_TOKEN: &str = "/namespace.cloud.iam.v1beta.TokenService/CreateRevokableToken";
    pub(in crate::cli) const LIST_TOKENS: &str = "/namespace.cloud.iam.v1beta.TokenService/ListRevokableTokens";
    pub(in crate::cli) const CHECK_HEALTH: &str = "/grpc.health.v1.Health/Check";
    pub(in crate::cli) const LIST_USAGE: &str = "/ampoule.v1.UsageService/ListUsage";
    pub(in crate::cli) const CREATE_LINK: &str = "/ampoule.v1.DashboardService/CreateLink";
    pub(in crate::cli) const REVOKE_TOKEN: &str = "/namespace.cloud.iam.v1beta.TokenService/RevokeRevokableToken";
}

impl Client {
    /// The way that flags and variables name. On the socket a token is shown only if its file is named by a flag.
    pub(super) fn new(context: &Context) -> Result<Self, CliError> {
        Self::with_token_file(context, context.remote.token_file.clone())
    }

    /// The same for a command that writes the file of that flag.
    pub(super) fn without_token_flag(context: &Context) -> Result<Self, CliError> {
        Self::with_token_file(context, None)
    }

    fn with_token_file(context: &Context, named: Option<PathBuf>) -> Result<Self, CliError> {
        let Context { environment, flags, remote } = context;
        let (way, file) = match Destination::of(environment, flags, remote)? {
            Destination::Socket(socket) => (Way::Socket(socket), named),
            Destination::Endpoint(endpoint) => {
                let file = token_file(environment, named.as_deref()).ok_or(CliError::NoToken)?;
                (Way::Remote(Remote::new(endpoint, remote.cacert.as_deref())?), Some(file))
            }
        };
        Ok(Self { way, token: file.map(|file| Token::read(&file)).transpose()? })
    }

    /// Calls a method of the daemon at this socket, but waits no longer than this: then there is no answer.
    pub(super) fn call_within<Q: Message, A: Message>(
        socket: &Path,
        limit: Duration,
        method: &'static str,
        request: &Q,
    ) -> Result<Option<A>, CliError> {
        let call = async { tokio::time::timeout(limit, call::unary(socket, method, &[], request)).await };
        Ok(runtime()?.block_on(call).ok().transpose()?)
    }

    /// Fails if nobody listens.
    pub(super) fn reach(&self) -> Result<(), CliError> {
        let socket = match &self.way {
            Way::Socket(socket) => socket,
            Way::Remote(remote) => return runtime()?.block_on(remote.reach()),
        };
        match UnixStream::connect(socket) {
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => {
                Err(CallError::NotRunning { socket: socket.clone() }.into())
            }
            // Whatever else is wrong the call itself will tell.
            _ => Ok(()),
        }
    }

    /// Calls a method.
    pub(super) fn call<Q: Message, A: Message>(&self, method: &'static str, request: &Q) -> Result<A, CliError> {
        self.call_with(method, Vec::new(), request).map(|answer| answer.message)
    }

    /// The same, with what the daemon says beside the answer.
    pub(super) fn call_with_answer<Q: Message, A: Message>(
        &self,
        method: &'static str,
        request: &Q,
    ) -> Result<Answer<A>, CliError> {
        self.call_with(method, Vec::new(), request)
    }

    /// Describes a secret without its value, which the log then doesn't count as revealed.
    pub(super) fn call_for_metadata<Q: Message, A: Message>(
        &self,
        method: &'static str,
        request: &Q,
    ) -> Result<A, CliError> {
        let header = (HeaderName::from_static("ampoule-metadata-only"), HeaderValue::from_static("1"));
        self.call_with(method, vec![header], request).map(|answer| answer.message)
    }

    /// Calls a method that answers by many messages, each of which is given to `take`.
    pub(super) fn stream<Q: Message, A: Message>(
        &self,
        method: &'static str,
        request: &Q,
        mut take: impl FnMut(A) -> Result<(), CliError>,
    ) -> Result<(), CliError> {
        let headers: Vec<_> = self.token.iter().map(|token| (header::AUTHORIZATION, token.header())).collect();
        runtime()?.block_on(async {
            let mut messages: Streaming<A> = match &self.way {
                Way::Socket(socket) => call::open_stream(socket, method, &headers, request).await?,
                Way::Remote(remote) => remote.stream(method, &headers, request).await?,
            };
            while let Some(message) = messages.next().await? {
                take(message)?;
            }
            Ok(())
        })
    }

    /// Calls a method both of whose sides stream, and does with it what `work` says. No other thread is waited for.
    pub(super) fn duplex<Q: Message, A: Message, T>(
        &self,
        method: &'static str,
        first: &Q,
        work: impl AsyncFnOnce(Sending<Q>, Streaming<A>) -> Result<T, CliError>,
    ) -> Result<T, CliError> {
        let headers: Vec<_> = self.token.iter().map(|token| (header::AUTHORIZATION, token.header())).collect();
        let runtime = runtime()?;
        let done = runtime.block_on(async {
            let (sending, streaming) = match &self.way {
                Way::Socket(socket) => call::open_duplex(socket, method, &headers, first).await?,
                Way::Remote(remote) => remote.duplex(method, &headers, first).await?,
            };
            work(sending, streaming).await
        });
        runtime.shutdown_background();
        done
    }

    fn call_with<Q: Message, A: Message>(
        &self,
        method: &'static str,
        mut headers: Vec<(HeaderName, HeaderValue)>,
        request: &Q,
    ) -> Result<Answer<A>, CliError> {
        headers.extend(self.token.as_ref().map(|token| (header::AUTHORIZATION, token.header())));
        let runtime = runtime()?;
        match &self.way {
            Way::Socket(socket) => Ok(runtime.block_on(call::unary_with_headers(socket, method, &headers, request))?),
            Way::Remote(remote) => runtime.block_on(remote.call(method, &headers, request)),
        }
    }
}

fn runtime() -> Result<Runtime, CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| CliError::System { what: "the daemon can't be called", error })
}
