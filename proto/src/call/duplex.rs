//! A call whose caller goes on speaking while it is answered: HTTP/2 alone can carry that.

use std::io;
use std::marker::PhantomData;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use buffa::Message;
use bytes::Bytes;
use hyper::body::{Body, Frame};
use hyper::client::conn::http2;
use hyper::header::{HeaderName, HeaderValue};
use hyper::{Request, Uri};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::UnixStream;
use tokio::sync::mpsc;

use super::streaming::{MEDIA, Streaming, envelope};
use super::{CallError, Daemon, check_owner, not_connected, post};

/// Messages that go. If this is dropped without an end, so is the call.
pub struct Sending<Q> {
    parts: mpsc::Sender<Part>,
    messages: PhantomData<fn(Q)>,
}

/// The other side listens no more; what it says tells why.
#[derive(Debug)]
pub struct Gone;

enum Part {
    Message(Bytes),
    End,
}

/// Calls a method of the daemon at `socket`, and says this first, without which there is no answer.
pub async fn open_duplex<Q: Message, A: Message>(
    socket: &Path,
    method: &'static str,
    headers: &[(HeaderName, HeaderValue)],
    first: &Q,
) -> Result<(Sending<Q>, Streaming<A>), CallError> {
    let stream = UnixStream::connect(socket).await.map_err(|error| not_connected(socket, error))?;
    check_owner(socket, &stream)?;
    let daemon = Daemon { host: HeaderValue::from_static("ampoule"), place: socket.display().to_string() };
    duplex_on(stream, &daemon, "http", method, headers, first).await
}

/// The same on a connection that is there already and speaks HTTP/2, to a daemon that is known to be the right one.
pub async fn duplex_on<S, Q, A>(
    stream: S,
    daemon: &Daemon,
    scheme: &'static str,
    method: &'static str,
    headers: &[(HeaderName, HeaderValue)],
    first: &Q,
) -> Result<(Sending<Q>, Streaming<A>), CallError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    Q: Message,
    A: Message,
{
    let place = daemon.place.clone();
    let lost = |_| CallError::Lost { place: place.clone() };
    let handshake = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(lost)?;
    tokio::spawn(connection);
    let (parts, queue) = mpsc::channel(4);
    let sending = Sending { parts, messages: PhantomData };
    // There is room: it is the first.
    let _ = sending.send(first).await;
    let mut request = Request::new(Queue { parts: queue, is_over: false });
    let uri = Uri::builder().scheme(scheme).authority(daemon.host.as_bytes()).path_and_query(method).build();
    *request.uri_mut() = uri.map_err(|_| CallError::Strange { place: place.clone() })?;
    post(&mut request, headers, MEDIA);
    let response = sender.send_request(request).await.map_err(lost)?;
    Ok((sending, Streaming::of(place, response).await?))
}

impl<Q: Message> Sending<Q> {
    /// Says something; waits while the other side takes nothing.
    pub async fn send(&self, message: &Q) -> Result<(), Gone> {
        let part = envelope(message).map_err(|_| Gone)?;
        self.parts.send(Part::Message(Bytes::from_owner(part))).await.map_err(|_| Gone)
    }

    /// The same on a thread that may wait.
    pub fn send_blocking(&self, message: &Q) -> Result<(), Gone> {
        let part = envelope(message).map_err(|_| Gone)?;
        self.parts.blocking_send(Part::Message(Bytes::from_owner(part))).map_err(|_| Gone)
    }

    /// That was all.
    pub async fn end(self) -> Result<(), Gone> {
        self.parts.send(Part::End).await.map_err(|_| Gone)
    }
}

impl<Q> Clone for Sending<Q> {
    fn clone(&self) -> Self {
        Self { parts: self.parts.clone(), messages: PhantomData }
    }
}

/// What is to be said, as a request's body.
struct Queue {
    parts: mpsc::Receiver<Part>,
    is_over: bool,
}

impl Body for Queue {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        let part = ready!(self.parts.poll_recv(context));
        self.is_over = !matches!(part, Some(Part::Message(_)));
        Poll::Ready(match part {
            Some(Part::Message(bytes)) => Some(Ok(Frame::data(bytes))),
            Some(Part::End) => None,
            // To end it here would say that it was whole.
            None => Some(Err(io::ErrorKind::ConnectionAborted.into())),
        })
    }
}
