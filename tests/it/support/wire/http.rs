//! One request and its answer over HTTP on a unix socket.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::UnixStream;

/// Only a daemon that hangs takes this long.
const HANG: Duration = Duration::from_mins(2);

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) trailers: HeaderMap,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("ASCII"))
    }
}

/// Posts on a connection of its own, over HTTP/1.1 or over HTTP/2 with prior knowledge.
pub(crate) fn post(socket: &Path, http2: bool, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Answer {
    let uri = if http2 { format!("http://localhost{path}") } else { path.to_owned() };
    let mut request = Request::post(uri);
    if !http2 {
        request = request.header("host", "localhost");
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(Bytes::from(body))).expect("request");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
    let exchange = async {
        let stream = TokioIo::new(UnixStream::connect(socket).await.expect("the daemon listens"));
        let response = if http2 { over_http2(stream, request).await } else { over_http1(stream, request).await };
        let (head, body) = response.expect("an answer").into_parts();
        let body = body.collect().await.expect("a whole answer");
        let trailers = body.trailers().cloned().unwrap_or_default();
        Answer { status: head.status.as_u16(), headers: head.headers, body: body.to_bytes(), trailers }
    };
    runtime.block_on(async { tokio::time::timeout(HANG, exchange).await }).expect("an answer in time")
}

type Sent = hyper::Result<Response<Incoming>>;

async fn over_http1(stream: TokioIo<UnixStream>, request: Request<Full<Bytes>>) -> Sent {
    let (mut sender, connection) = http1::handshake(stream).await?;
    tokio::spawn(connection);
    sender.send_request(request).await
}

async fn over_http2(stream: TokioIo<UnixStream>, request: Request<Full<Bytes>>) -> Sent {
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), stream).await?;
    tokio::spawn(connection);
    sender.send_request(request).await
}
