//! The loop that accepts connections on the unix socket.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use connectrpc::{ConnectRpcBody, ConnectRpcService};
use http::{Request, Response, header};
use hyper::body::{Body, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tower::Service;

use super::authenticate::{Connected, principal_of};
use crate::authz::Policy;
use crate::domain::{Origin, Peer, RequestId};
use crate::vault::Vault;

/// A client that opens a connection must send the headers of its first request within this time.
const HEADERS: Duration = Duration::from_secs(10);
/// The most connections at once; more wait in the socket's backlog.
const CONNECTIONS: usize = 4096;
/// How long requests under way may take to finish when the daemon stops.
const DRAIN: Duration = Duration::from_secs(10);

/// A listener and what it serves.
pub struct Server {
    /// The unix socket.
    pub listener: UnixListener,
    /// The services.
    pub services: ConnectRpcService,
    /// What tokens are asked of.
    pub vault: Vault,
    /// What the processes of this host may do.
    pub policy: Policy,
}

/// Serves until `stop` is ready, then lets the requests under way finish.
pub async fn serve(server: Server, stop: impl Future<Output = ()>) {
    let Server { listener, services, vault, policy } = server;
    let door = Door { services, vault, policy, requests: Arc::new(Requests::new()) };
    let connections = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = tokio::select! {
            () = &mut stop => break,
            accepted = accept(&listener, &places) => accepted,
        };
        match accepted {
            Ok((stream, place)) => door.connect(stream, place, &connections),
            Err(error) => {
                // Out of file descriptors, most likely: a pause lets some connections end.
                tracing::warn!(error = error.to_string(), "a connection can't be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    drop(listener);
    if tokio::time::timeout(DRAIN, connections.shutdown()).await.is_err() {
        tracing::warn!("requests were still under way at the end");
    }
}

async fn accept(listener: &UnixListener, places: &Arc<Semaphore>) -> io::Result<(UnixStream, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    Ok((stream, place))
}

/// What every connection needs.
struct Door {
    services: ConnectRpcService,
    vault: Vault,
    policy: Policy,
    requests: Arc<Requests>,
}

impl Door {
    fn connect(&self, stream: UnixStream, place: OwnedSemaphorePermit, connections: &GracefulShutdown) {
        let peer = match stream.peer_cred() {
            Ok(peer) => Peer { uid: peer.uid(), gid: peer.gid(), pid: peer.pid() },
            Err(error) => {
                tracing::warn!(error = error.to_string(), "a peer without credentials is turned away");
                return;
            }
        };
        let (services, vault, requests) = (self.services.clone(), self.vault.clone(), Arc::clone(&self.requests));
        let connected = Connected { from: Origin::Peer(peer), rights: self.policy.rights_of(peer) };
        let asked = Arc::new(Notify::new());
        let silent = silence(Arc::clone(&asked));
        let handle = service_fn(move |request| {
            asked.notify_one();
            answer(services.clone(), vault.clone(), connected.clone(), requests.next(), request)
        });
        let mut builder = Builder::new(TokioExecutor::new());
        builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADERS);
        builder.http2().timer(TokioTimer::new());
        let connection = connections.watch(builder.serve_connection(TokioIo::new(stream), handle).into_owned());
        tokio::spawn(async move {
            let _place = place;
            tokio::select! {
                ended = connection => if let Err(error) = ended {
                    tracing::debug!(error = error.to_string(), "a connection ended early");
                },
                () = silent => tracing::debug!("a connection without a request is closed"),
            }
        });
    }
}

/// Gives each request its id: counted from a random number, so that those of an earlier start are not met again.
struct Requests(AtomicU64);

impl Requests {
    fn new() -> Self {
        Self(AtomicU64::new(getrandom::u64().unwrap_or_default()))
    }

    fn next(&self) -> RequestId {
        RequestId::new(self.0.fetch_add(1, Ordering::Relaxed))
    }
}

/// Ends if no request comes in time: hyper has no limit for that before it knows the version of HTTP, nor for HTTP/2.
async fn silence(asked: Arc<Notify>) {
    if tokio::time::timeout(HEADERS, asked.notified()).await.is_ok() {
        std::future::pending::<()>().await;
    }
}

async fn answer(
    mut services: ConnectRpcService,
    vault: Vault,
    connected: Connected,
    id: RequestId,
    mut request: Request<Incoming>,
) -> Result<Response<ConnectRpcBody>, Infallible> {
    let sender = principal_of(&vault, &connected, request.headers_mut(), id).await;
    request.extensions_mut().insert(sender);
    let mut response = services.call(request).await?;
    state_length(&mut response);
    Ok(response)
}

/// The library doesn't say how long its bodies are, so that even a whole one would be sent in chunks.
fn state_length(response: &mut Response<ConnectRpcBody>) {
    let ConnectRpcBody::Full(body) = response.body() else { return };
    if let Some(length) = body.size_hint().exact() {
        response.headers_mut().insert(header::CONTENT_LENGTH, length.into());
    }
}
