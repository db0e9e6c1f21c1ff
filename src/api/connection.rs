//! One connection, from its acceptance to its end.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use connectrpc::{ConnectRpcBody, ConnectRpcService};
use http::header::{AUTHORIZATION, CONNECTION, CONTENT_LENGTH, HeaderValue};
use http::{Request, Response, Version};
use http_body_util::Full;
use hyper::body::{Body as _, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::Watcher;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;
use tower::Service;

use super::authenticate::{Connected, Doorkeeper};
use super::body::{Bodies, Unread};
use super::crowd::Newcomer;
use super::dashboard;
use super::health::HEALTH_CHECK;
use super::idle::IdleLimit;
use super::pages::{self, Body, Pages};
use super::requests::Requests;
use super::tls::Tls;
use crate::config::Limits;
use crate::dashboard::Dashboard;

/// What every connection needs.
pub(super) struct Door {
    pub(super) services: ConnectRpcService,
    pub(super) sessions: ConnectRpcService,
    pub(super) doorkeeper: Doorkeeper,
    pub(super) bodies: Bodies,
    pub(super) pages: Pages,
    pub(super) dashboard: Option<Arc<Dashboard>>,
    pub(super) requests: Requests,
    pub(super) limits: Limits,
}

/// A connection that was accepted, and whose it is.
pub(super) struct Accepted<S> {
    pub(super) stream: S,
    pub(super) connected: Connected,
    /// Its place among all of them, and among those that have not called yet.
    pub(super) places: (OwnedSemaphorePermit, Newcomer),
}

impl Door {
    /// The services of a method whose client may wait for an answer before it asks on: its body is read meanwhile.
    fn in_turns(&self, path: &str) -> Option<&ConnectRpcService> {
        #[cfg(feature = "reflection")]
        if path == super::reflection::REFLECTION {
            return Some(&self.services);
        }
        path.starts_with(super::session::PREFIX).then_some(&self.sessions)
    }

    /// Serves a connection to its end, on a task of its own.
    pub(super) fn take<S>(self: &Arc<Self>, accepted: Accepted<S>, tls: Option<Arc<Tls>>, watcher: Watcher)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let door = Arc::clone(self);
        let patience = door.limits.headers * if tls.is_some() { 2 } else { 1 };
        tokio::spawn(async move {
            let Accepted { stream, connected, places: (_place, newcomer) } = accepted;
            let metrics = door.pages.metrics();
            metrics.opened();
            let ended = tokio::select! {
                ended = door.serve(stream, connected, &newcomer, tls, watcher) => ended,
                () = newcomer.overstays(patience) => Err("closed, for it has sent no request in time".to_owned()),
                () = newcomer.evicted() => {
                    metrics.evicted();
                    Err("closed to make room, before its first request".to_owned())
                }
            };
            if let Err(reason) = ended {
                tracing::debug!(reason, "a connection ended early");
            }
            metrics.closed();
        });
    }

    async fn serve<S>(
        self: &Arc<Self>,
        stream: S,
        connected: Connected,
        newcomer: &Newcomer,
        tls: Option<Arc<Tls>>,
        watcher: Watcher,
    ) -> Result<(), String>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let stream = IdleLimit::new(stream, self.limits.idle);
        let Some(tls) = tls else { return self.speak(stream, connected, newcomer, watcher).await };
        let handshake = timeout(self.limits.headers, tls.acceptor().accept(stream)).await;
        let stream = handshake.map_err(|_| "no TLS handshake in time")?.map_err(|error| error.to_string())?;
        self.speak(stream, connected, newcomer, watcher).await
    }

    async fn speak<S>(
        self: &Arc<Self>,
        stream: S,
        connected: Connected,
        newcomer: &Newcomer,
        watcher: Watcher,
    ) -> Result<(), String>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (door, settled) = (Arc::clone(self), newcomer.place());
        let handle = service_fn(move |request| {
            // Its headers are here: whoever sends these is no newcomer any more.
            settled.settle();
            answer(Arc::clone(&door), connected.clone(), request)
        });
        let Limits { headers, streams, .. } = self.limits;
        let mut builder = Builder::new(TokioExecutor::new());
        builder.http1().timer(TokioTimer::new()).header_read_timeout(headers).max_buf_size(64 << 10);
        builder.http2().timer(TokioTimer::new()).max_concurrent_streams(streams).max_header_list_size(64 << 10);
        let connection = builder.serve_connection(TokioIo::new(stream), handle).into_owned();
        watcher.watch(connection).await.map_err(|error| error.to_string())
    }
}

async fn answer(
    door: Arc<Door>,
    connected: Connected,
    mut request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let path = request.uri().path();
    if let Some(served) =
        door.dashboard.as_ref().filter(|_| dashboard::is_for(door.dashboard.as_ref(), &connected, path))
    {
        let is_known = served.knows(request.headers(), connected.secure);
        let (mut parts, body) = request.into_parts();
        // Nobody is anybody there by a header.
        parts.headers.remove(AUTHORIZATION);
        let whole = match door.bodies.read(body, is_known).await {
            Ok(whole) => whole,
            Err(unread) => return Ok(turned_away(&unread, parts.version)),
        };
        let id = door.requests.next();
        return Ok(dashboard::answer(served, &connected, parts, whole.bytes, id).await);
    }
    // Whoever asks only whether the daemon lives need not be known, nor leaves an entry.
    let sender = if path == HEALTH_CHECK || pages::is_public(path) {
        None
    } else {
        let id = door.requests.next();
        Some(door.doorkeeper.sender_of(&connected, request.headers_mut(), id).await)
    };
    let (mut parts, body) = request.into_parts();
    let is_known = sender.as_ref().is_some_and(|sender| sender.0.is_ok());
    if let Some(services) = door.in_turns(parts.uri.path()) {
        if let Some(sender) = sender {
            parts.extensions.insert(sender);
        }
        let mut services = services.clone();
        // Its end may come only after answers. The gate turns a stranger away, of whom nothing need be read.
        let response = if is_known {
            services.call(Request::from_parts(parts, body)).await?
        } else {
            services.call(Request::from_parts(parts, Full::default())).await?
        };
        return Ok(response.map(Body::Call));
    }
    let whole = match door.bodies.read(body, is_known).await {
        Ok(whole) => whole,
        Err(unread) => return Ok(turned_away(&unread, parts.version)),
    };
    if let Some(page) = door.pages.answer(&parts.method, parts.uri.path(), sender.as_ref()).await {
        return Ok(page);
    }
    if let Some(sender) = sender {
        parts.extensions.insert(sender);
    }
    let mut response = door.services.clone().call(Request::from_parts(parts, Full::new(whole.bytes))).await?;
    state_length(&mut response);
    Ok(response.map(Body::Call))
}

/// What is left of the body would be taken for the next request.
fn turned_away(unread: &Unread, version: Version) -> Response<Body> {
    let mut response = pages::page(unread.status, unread.message.to_owned(), pages::TEXT);
    if version < Version::HTTP_2 {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// The library doesn't say how long its bodies are, so that even a whole one would be sent in chunks.
fn state_length(response: &mut Response<ConnectRpcBody>) {
    let ConnectRpcBody::Full(body) = response.body() else { return };
    if let Some(length) = body.size_hint().exact() {
        response.headers_mut().insert(CONTENT_LENGTH, length.into());
    }
}

/// An accept that failed: out of file descriptors, most likely, so that a pause lets some connections end.
pub(super) async fn pause_after(error: &io::Error) {
    tracing::warn!(error = error.to_string(), "a connection can't be accepted");
    tokio::time::sleep(Duration::from_millis(50)).await;
}
