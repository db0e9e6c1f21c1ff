//! One call to the daemon: unary, Connect protocol, binary messages, HTTP/1.1 on the unix socket.
//!
//! Nothing is asked of, and nothing told to, a process that another user may have put in the daemon's place.

use std::fmt;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use buffa::Message;
use bytes::{Buf, Bytes};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, Uri, body::Incoming};
use hyper_util::rt::TokioIo;
use nix::unistd::geteuid;
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::UnixStream;
use zeroize::Zeroizing;

/// The longest answer that is read: 1,024 values of 64 KiB and their names.
const MOST_BYTES: usize = 72 << 20;

#[cfg(feature = "duplex")]
mod duplex;
mod streaming;

#[cfg(feature = "duplex")]
pub use duplex::{Gone, Sending, duplex_on, open_duplex};
pub use streaming::{Streaming, open_stream, stream_on};
/// Whom the kernel names in the place of a user whom our user namespace doesn't know (`overflowuid`, `user_namespaces(7)`).
const UNKNOWN: u32 = 65534;

/// Calls a method, `/<package>.<Service>/<Method>`, of the daemon at `socket`, with these headers beside the usual ones.
///
/// Wants a tokio runtime with input and output around it. Sets no deadline and tries once.
pub async fn unary<Q: Message, A: Message>(
    socket: &Path,
    method: &'static str,
    headers: &[(HeaderName, HeaderValue)],
    request: &Q,
) -> Result<A, CallError> {
    unary_with_headers(socket, method, headers, request).await.map(|answer| answer.message)
}

/// The same, with what the daemon says beside the answer.
pub async fn unary_with_headers<Q: Message, A: Message>(
    socket: &Path,
    method: &'static str,
    headers: &[(HeaderName, HeaderValue)],
    request: &Q,
) -> Result<Answer<A>, CallError> {
    let stream = UnixStream::connect(socket).await.map_err(|error| not_connected(socket, error))?;
    check_owner(socket, &stream)?;
    let daemon = Daemon { host: HeaderValue::from_static("ampoule"), place: socket.display().to_string() };
    exchange(stream, &daemon, method, headers, request).await
}

/// An answer of the daemon.
pub struct Answer<A> {
    /// The message.
    pub message: A,
    /// The headers before it.
    pub headers: HeaderMap,
}

/// Whom a connection leads to.
pub struct Daemon {
    /// The name that it is called by.
    pub host: HeaderValue,
    /// Where it is, for errors.
    pub place: String,
}

/// The same on a connection that is there already, to a daemon that is known to be the right one.
pub async fn exchange<S, Q, A>(
    stream: S,
    daemon: &Daemon,
    method: &'static str,
    headers: &[(HeaderName, HeaderValue)],
    request: &Q,
) -> Result<Answer<A>, CallError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    Q: Message,
    A: Message,
{
    let lost = |_| CallError::Lost { place: daemon.place.clone() };
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(lost)?;
    tokio::spawn(connection);
    let request = http_request(daemon.host.clone(), method, headers, request);
    let mut response = sender.send_request(request).await.map_err(lost)?;
    let headers = std::mem::take(response.headers_mut());
    read(&daemon.place, response).await.map(|message| Answer { message, headers })
}

fn http_request<Q: Message>(
    host: HeaderValue,
    method: &'static str,
    headers: &[(HeaderName, HeaderValue)],
    message: &Q,
) -> Request<Full<Bytes>> {
    // The message may carry a value: its bytes are wiped when the body is dropped.
    request_of(host, method, headers, "application/proto", Zeroizing::new(message.encode_to_vec()))
}

fn request_of(
    host: HeaderValue,
    method: &'static str,
    headers: &[(HeaderName, HeaderValue)],
    content: &'static str,
    body: Zeroizing<Vec<u8>>,
) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::new(Bytes::from_owner(body)));
    *request.uri_mut() = Uri::from_static(method);
    request.headers_mut().insert(header::HOST, host);
    post(&mut request, headers, content);
    request
}

/// What every call has, whatever its body.
fn post<B>(request: &mut Request<B>, headers: &[(HeaderName, HeaderValue)], content: &'static str) {
    *request.method_mut() = Method::POST;
    let all = request.headers_mut();
    all.insert(header::CONTENT_TYPE, HeaderValue::from_static(content));
    all.insert("connect-protocol-version", HeaderValue::from_static("1"));
    all.extend(headers.iter().cloned());
}

fn not_connected(socket: &Path, error: io::Error) -> CallError {
    let socket = socket.to_owned();
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::ConnectionRefused | ErrorKind::WouldBlock => CallError::NotRunning { socket },
        // The daemon died before it took the connection.
        ErrorKind::ConnectionReset => CallError::Lost { place: socket.display().to_string() },
        ErrorKind::PermissionDenied => CallError::NotAllowed { socket, uid: geteuid().as_raw() },
        _ => CallError::Connect { socket, error },
    }
}

fn check_owner(socket: &Path, stream: &UnixStream) -> Result<(), CallError> {
    let peer = stream.peer_cred().map_err(|error| CallError::Connect { socket: socket.to_owned(), error })?.uid();
    let own = geteuid().as_raw();
    if peer == 0 || peer == own {
        return Ok(());
    }
    Err(CallError::WrongOwner { socket: socket.to_owned(), peer, own })
}

async fn read<A: Message>(place: &str, response: Response<Incoming>) -> Result<A, CallError> {
    let status = response.status();
    let body = Limited::new(response.into_body(), MOST_BYTES).collect().await;
    let mut body = body.map_err(|_| CallError::Lost { place: place.to_owned() })?.aggregate();
    let mut bytes = Zeroizing::new(vec![0; body.remaining()]);
    body.copy_to_slice(&mut bytes);
    if status == StatusCode::OK {
        return A::decode_from_slice(&bytes).map_err(|_| CallError::Strange { place: place.to_owned() });
    }
    Err(refusal(place, status, &bytes))
}

/// The JSON of an error in the Connect protocol.
#[derive(Deserialize)]
struct ConnectError {
    code: String,
    #[serde(default)]
    message: String,
}

fn refusal(place: &str, status: StatusCode, body: &[u8]) -> CallError {
    let unavailable = |message| CallError::Unavailable { place: place.to_owned(), message };
    match serde_json::from_slice::<ConnectError>(body) {
        Ok(error) if error.code == "unavailable" => unavailable(error.message),
        Ok(ConnectError { code, message }) => CallError::Refused { code, message },
        Err(_) if status == StatusCode::SERVICE_UNAVAILABLE => unavailable(String::new()),
        Err(_) => CallError::Strange { place: place.to_owned() },
    }
}

/// An answer that did not come. Displayed, it is the cause; [`CallError::remedy`] says what to do.
#[derive(Debug)]
pub enum CallError {
    /// Nobody listens.
    NotRunning {
        /// The socket that was tried.
        socket: PathBuf,
    },
    /// The socket's mode keeps us out.
    NotAllowed {
        /// The socket that was tried.
        socket: PathBuf,
        /// Who we are.
        uid: u32,
    },
    /// Another user listens.
    WrongOwner {
        /// The socket that was tried.
        socket: PathBuf,
        /// Who listens.
        peer: u32,
        /// Who we are.
        own: u32,
    },
    /// The connection can't be made for another reason.
    Connect {
        /// The socket that was tried.
        socket: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The connection ended before the answer did.
    Lost {
        /// Where it was called.
        place: String,
    },
    /// The daemon said that it can't answer now.
    Unavailable {
        /// Where it was called.
        place: String,
        /// The daemon's words.
        message: String,
    },
    /// The daemon refused, and its words say what to do.
    Refused {
        /// The Connect code.
        code: String,
        /// The daemon's words.
        message: String,
    },
    /// The answer makes no sense.
    Strange {
        /// Where it was called.
        place: String,
    },
}

impl CallError {
    /// Whether the daemon may be starting, so that the same call may be answered soon.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::NotRunning { .. } | Self::Lost { .. } | Self::Unavailable { .. })
    }

    /// What to do; `setting` is how the caller's user sets the socket's path. Empty where the cause says it.
    pub fn remedy(&self, setting: &str) -> String {
        match self {
            Self::NotRunning { .. } => format!("start it with `ampoule serve`, or correct {setting}"),
            Self::NotAllowed { .. } => "call as its owner or as a member of its group".to_owned(),
            Self::Lost { .. } | Self::Unavailable { .. } => "see its log, then try again".to_owned(),
            Self::WrongOwner { peer: UNKNOWN, own: 0, .. } => {
                format!("a user namespace knows its own user's daemon alone: check {setting}")
            }
            Self::WrongOwner { .. } | Self::Connect { .. } | Self::Strange { .. } => format!("check {setting}"),
            Self::Refused { .. } => String::new(),
        }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRunning { socket } => write!(f, "the Ampoule daemon is not running at {}", socket.display()),
            Self::NotAllowed { socket, uid } => {
                write!(f, "user {uid} may not use the Ampoule daemon's socket {}", socket.display())
            }
            Self::WrongOwner { socket, peer, own } => {
                let socket = socket.display();
                write!(f, "wrong socket owner: {socket} is served by user {peer}, expected root or user {own}")
            }
            Self::Connect { socket, error } => {
                write!(f, "the Ampoule daemon's socket {} can't be used ({error})", socket.display())
            }
            Self::Lost { place } => write!(f, "the Ampoule daemon at {place} hung up before it answered"),
            Self::Unavailable { place, message } => {
                write!(f, "the Ampoule daemon at {place} can't answer now ({message})")
            }
            Self::Refused { code, message } => write!(f, "{message} ({code})"),
            Self::Strange { place } => write!(f, "what listens at {place} is no Ampoule daemon of this version"),
        }
    }
}

impl std::error::Error for CallError {}
