//! What is answered beside the services: `/healthz`, `/readyz` and `/metrics`.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use connectrpc::ConnectRpcBody;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use http::{Method, Response, StatusCode};
use http_body_util::Full;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::sync::mpsc;

use super::authenticate::Sender;
use super::health;
use super::metrics::{self, Metrics};
use crate::vault::Vault;

/// The pages and what they tell of.
pub(super) struct Pages {
    vault: Vault,
    metrics: Arc<Metrics>,
}

impl Pages {
    pub(super) fn new(vault: Vault, metrics: Arc<Metrics>) -> Self {
        Self { vault, metrics }
    }

    pub(super) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// The page that a request is for, if it is for one.
    pub(super) async fn answer(&self, method: &Method, path: &str, sender: Option<&Sender>) -> Option<Response<Body>> {
        if !is_public(path) && path != METRICS {
            return None;
        }
        if ![Method::GET, Method::HEAD].contains(method) {
            return Some(page(StatusCode::METHOD_NOT_ALLOWED, "GET this page\n".to_owned(), TEXT));
        }
        Some(match path {
            // It answers, so it lives.
            "/healthz" => page(StatusCode::OK, "ok\n".to_owned(), TEXT),
            "/readyz" => match health::ready(&self.vault).await {
                Ok(()) => page(StatusCode::OK, "ok\n".to_owned(), TEXT),
                Err(reason) => page(StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {reason}\n"), TEXT),
            },
            // They tell who is how busy with what: only for those whom the vault knows.
            _ if sender.is_some_and(|sender| sender.0.is_ok()) => {
                page(StatusCode::OK, self.metrics.text(), metrics::CONTENT_TYPE)
            }
            _ => page(
                StatusCode::UNAUTHORIZED,
                "send `Authorization: Bearer …` with a token that counts\n".to_owned(),
                TEXT,
            ),
        })
    }
}

const METRICS: &str = "/metrics";

/// Whether a page is for everybody.
pub(super) fn is_public(path: &str) -> bool {
    ["/healthz", "/readyz"].contains(&path)
}

/// The content type of text.
pub(super) const TEXT: &str = "text/plain; charset=utf-8";

/// An answer of ours.
pub(super) fn page(status: StatusCode, text: String, content_type: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::Page(Full::new(Bytes::from(text))));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The body of an answer.
pub(super) enum Body {
    /// A service's.
    Call(ConnectRpcBody),
    /// A page's.
    Page(Full<Bytes>),
    /// Pieces as they come.
    Pieces(mpsc::Receiver<Bytes>),
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = <ConnectRpcBody as HttpBody>::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match self.get_mut() {
            Self::Call(body) => Pin::new(body).poll_frame(context),
            Self::Page(body) => Pin::new(body).poll_frame(context).map_err(|never| match never {}),
            Self::Pieces(pieces) => pieces.poll_recv(context).map(|piece| piece.map(|bytes| Ok(Frame::data(bytes)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Call(body) => body.is_end_stream(),
            Self::Page(body) => body.is_end_stream(),
            Self::Pieces(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Call(body) => body.size_hint(),
            Self::Page(body) => body.size_hint(),
            Self::Pieces(_) => SizeHint::default(),
        }
    }
}
