//! A call that is answered by many messages (Connect protocol, "Streaming RPCs").

use std::marker::PhantomData;
use std::num::TryFromIntError;
use std::path::Path;

use buffa::Message;
use bytes::{Buf, BytesMut};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::UnixStream;
use zeroize::Zeroizing;

use super::{CallError, ConnectError, Daemon, MOST_BYTES, check_owner, not_connected, refusal, request_of};

/// The media type.
pub(super) const MEDIA: &str = "application/connect+proto";
/// What stands before a message: flags, and four bytes of its length.
const PREFIX: usize = 5;
/// The flag of a message that is compressed, which ours never are.
const COMPRESSED: u8 = 1;
/// The flag of the message that ends a stream.
const END: u8 = 2;

/// Messages that come.
pub struct Streaming<A> {
    body: Incoming,
    buffer: BytesMut,
    place: String,
    messages: PhantomData<fn() -> A>,
}

#[derive(Deserialize)]
struct EndOfStream {
    error: Option<ConnectError>,
}

/// Calls a method of the daemon at `socket`, as [`super::unary`] does.
pub async fn open_stream<Q: Message, A: Message>(
    socket: &Path,
    method: &'static str,
    headers: &[(HeaderName, HeaderValue)],
    request: &Q,
) -> Result<Streaming<A>, CallError> {
    let stream = UnixStream::connect(socket).await.map_err(|error| not_connected(socket, error))?;
    check_owner(socket, &stream)?;
    let daemon = Daemon { host: HeaderValue::from_static("ampoule"), place: socket.display().to_string() };
    stream_on(stream, &daemon, method, headers, request).await
}

/// The same on a connection that is there already, to a daemon that is known to be the right one.
pub async fn stream_on<S, Q, A>(
    stream: S,
    daemon: &Daemon,
    method: &'static str,
    headers: &[(HeaderName, HeaderValue)],
    request: &Q,
) -> Result<Streaming<A>, CallError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    Q: Message,
    A: Message,
{
    let place = daemon.place.clone();
    let lost = |_| CallError::Lost { place: place.clone() };
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(lost)?;
    tokio::spawn(connection);
    let body = envelope(request).map_err(|_| CallError::Strange { place: place.clone() })?;
    let request = request_of(daemon.host.clone(), method, headers, MEDIA, body);
    let response = sender.send_request(request).await.map_err(lost)?;
    Streaming::of(place, response).await
}

/// A message as a part of a stream.
pub(super) fn envelope<Q: Message>(message: &Q) -> Result<Zeroizing<Vec<u8>>, TryFromIntError> {
    let message = Zeroizing::new(message.encode_to_vec());
    let length = u32::try_from(message.len())?;
    Ok(Zeroizing::new([&[0][..], &length.to_be_bytes(), &message].concat()))
}

impl<A: Message> Streaming<A> {
    /// What an answer is made of.
    pub(super) async fn of(place: String, response: Response<Incoming>) -> Result<Self, CallError> {
        let (parts, body) = response.into_parts();
        if parts.status != StatusCode::OK {
            let bytes = Limited::new(body, MOST_BYTES).collect().await;
            let bytes = bytes.map_err(|_| CallError::Lost { place: place.clone() })?.to_bytes();
            return Err(refusal(&place, parts.status, &bytes));
        }
        Ok(Self { body, buffer: BytesMut::new(), place, messages: PhantomData })
    }

    /// The next message; nothing at the end.
    pub async fn next(&mut self) -> Result<Option<A>, CallError> {
        let strange = |place: &str| CallError::Strange { place: place.to_owned() };
        loop {
            if let Some((flags, length)) = self.prefix() {
                if flags & COMPRESSED != 0 || length > MOST_BYTES {
                    return Err(strange(&self.place));
                }
                if self.buffer.len() >= PREFIX + length {
                    self.buffer.advance(PREFIX);
                    let message = self.buffer.split_to(length);
                    if flags & END != 0 {
                        return self.end(&message).map(|()| None);
                    }
                    return A::decode_from_slice(&message).map(Some).map_err(|_| strange(&self.place));
                }
            }
            // The last message says that it is the last.
            let Some(Ok(frame)) = self.body.frame().await else {
                return Err(CallError::Lost { place: self.place.clone() });
            };
            if let Ok(data) = frame.into_data() {
                self.buffer.extend_from_slice(&data);
            }
        }
    }

    fn prefix(&self) -> Option<(u8, usize)> {
        let prefix = self.buffer.get(..PREFIX)?;
        let length = u32::from_be_bytes([prefix[1], prefix[2], prefix[3], prefix[4]]);
        Some((prefix[0], length as usize))
    }

    fn end(&self, message: &[u8]) -> Result<(), CallError> {
        let end: EndOfStream =
            serde_json::from_slice(message).map_err(|_| CallError::Strange { place: self.place.clone() })?;
        match end.error {
            None => Ok(()),
            Some(ConnectError { code, message }) if code == "unavailable" => {
                Err(CallError::Unavailable { place: self.place.clone(), message })
            }
            Some(ConnectError { code, message }) => Err(CallError::Refused { code, message }),
        }
    }
}
