//! One call to the daemon: `ampoule.v1.InjectionService/Resolve`, a unary call of the Connect protocol over HTTP/1.1 on
//! the unix socket, tried again while the daemon restarts.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ampoule_proto::messages::ampoule::v1::{ResolveRequest, ResolveResponse};
use buffa::Message;
use bytes::{Buf, Bytes};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper::{Request, Response, StatusCode, body::Incoming, header};
use hyper_util::rt::TokioIo;
use nix::unistd::geteuid;
use serde::Deserialize;
use tokio::net::UnixStream;
use tokio::time::{Instant, sleep, timeout_at};
use zeroize::Zeroizing;

const METHOD: &str = "/ampoule.v1.InjectionService/Resolve";
/// 1,024 values of 64 KiB and their names.
const MOST_BYTES: usize = 72 << 20;
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// Asks the daemon at `socket` for every value, within the time left until `deadline`.
///
/// It starts an async runtime of this one thread and ends it: the caller may fork afterwards.
pub fn resolve(
    socket: &Path,
    request: &ResolveRequest,
    deadline: std::time::Instant,
) -> Result<ResolveResponse, ClientError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build();
    let runtime = runtime.map_err(|error| ClientError::Local { error })?;
    let message = Bytes::from(request.encode_to_vec());
    runtime.block_on(with_retries(socket, &message, Instant::from_std(deadline)))
}

async fn with_retries(socket: &Path, message: &Bytes, deadline: Instant) -> Result<ResolveResponse, ClientError> {
    let mut pause = FIRST_PAUSE;
    let mut last = None;
    loop {
        let error = match timeout_at(deadline, attempt(socket, message.clone())).await {
            Ok(Ok(response)) => return Ok(response),
            Ok(Err(Attempt::Final(error))) => return Err(error),
            Ok(Err(Attempt::Again(error))) => error,
            Err(_) => return Err(last.unwrap_or_else(|| ClientError::Late { socket: socket.to_owned() })),
        };
        if Instant::now() + pause >= deadline {
            return Err(error);
        }
        last = Some(error);
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Why one attempt brought no values.
enum Attempt {
    /// The daemon may be starting.
    Again(ClientError),
    /// Trying again would bring the same.
    Final(ClientError),
}

async fn attempt(socket: &Path, message: Bytes) -> Result<ResolveResponse, Attempt> {
    let stream = UnixStream::connect(socket).await.map_err(|error| refused_connection(socket, error))?;
    check_owner(socket, &stream).map_err(Attempt::Final)?;
    let lost = |_| Attempt::Again(ClientError::Lost { socket: socket.to_owned() });
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(lost)?;
    tokio::spawn(connection);
    let response = sender.send_request(http_request(message)).await.map_err(lost)?;
    read(socket, response).await
}

fn http_request(message: Bytes) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::new(message));
    *request.method_mut() = hyper::Method::POST;
    *request.uri_mut() = hyper::Uri::from_static(METHOD);
    let headers = request.headers_mut();
    headers.insert(header::HOST, header::HeaderValue::from_static("ampoule"));
    headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/proto"));
    headers.insert("connect-protocol-version", header::HeaderValue::from_static("1"));
    request
}

fn refused_connection(socket: &Path, error: io::Error) -> Attempt {
    let socket = socket.to_owned();
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::ConnectionRefused | ErrorKind::WouldBlock => {
            Attempt::Again(ClientError::NotRunning { socket })
        }
        ErrorKind::PermissionDenied => Attempt::Final(ClientError::NotAllowed { socket, uid: geteuid().as_raw() }),
        _ => Attempt::Final(ClientError::Connect { socket, error }),
    }
}

/// Nothing is asked of a process that another user may have put in the daemon's place.
fn check_owner(socket: &Path, stream: &UnixStream) -> Result<(), ClientError> {
    let peer = stream.peer_cred().map_err(|error| ClientError::Local { error })?.uid();
    let own = geteuid().as_raw();
    if peer == 0 || peer == own {
        return Ok(());
    }
    Err(ClientError::WrongOwner { socket: socket.to_owned(), peer, own })
}

async fn read(socket: &Path, response: Response<Incoming>) -> Result<ResolveResponse, Attempt> {
    let status = response.status();
    let body = Limited::new(response.into_body(), MOST_BYTES).collect().await;
    let mut body = body.map_err(|_| Attempt::Again(ClientError::Lost { socket: socket.to_owned() }))?.aggregate();
    let mut bytes = Zeroizing::new(vec![0; body.remaining()]);
    body.copy_to_slice(&mut bytes);
    if status == StatusCode::OK {
        let decoded = ResolveResponse::decode_from_slice(&bytes);
        return decoded.map_err(|_| Attempt::Final(ClientError::Strange { socket: socket.to_owned() }));
    }
    Err(refusal(socket, status, &bytes))
}

/// The JSON of an error in the Connect protocol.
#[derive(Deserialize)]
struct ConnectError {
    code: String,
    #[serde(default)]
    message: String,
}

fn refusal(socket: &Path, status: StatusCode, body: &[u8]) -> Attempt {
    match serde_json::from_slice::<ConnectError>(body) {
        Ok(error) if error.code == "unavailable" => {
            Attempt::Again(ClientError::Unavailable { socket: socket.to_owned(), message: error.message })
        }
        Ok(ConnectError { code, message }) => Attempt::Final(ClientError::Refused { code, message }),
        Err(_) if status == StatusCode::SERVICE_UNAVAILABLE => {
            Attempt::Again(ClientError::Unavailable { socket: socket.to_owned(), message: String::new() })
        }
        Err(_) => Attempt::Final(ClientError::Strange { socket: socket.to_owned() }),
    }
}

/// Values that the daemon didn't give.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens.
    #[error("the Ampoule daemon is not running at {}: start it with `ampoule serve`", socket.display())]
    NotRunning {
        /// The socket that was tried.
        socket: PathBuf,
    },
    /// The socket's mode keeps us out.
    #[error("user {uid} may not use the Ampoule daemon's socket {}: run the engine as its owner or a member of its group", socket.display())]
    NotAllowed {
        /// The socket that was tried.
        socket: PathBuf,
        /// Who we are.
        uid: u32,
    },
    /// Another user listens.
    #[error("wrong socket owner: {} is served by user {peer}, expected root or user {own}: check `socket:` in the shim's settings", socket.display())]
    WrongOwner {
        /// The socket that was tried.
        socket: PathBuf,
        /// Who listens.
        peer: u32,
        /// Who we are.
        own: u32,
    },
    /// The connection can't be made for another reason.
    #[error("the Ampoule daemon's socket {} can't be used: check `socket:` in the shim's settings", socket.display())]
    Connect {
        /// The socket that was tried.
        socket: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// The connection ended before the answer did.
    #[error("the Ampoule daemon at {} hung up before it answered: see its log, then create the container again", socket.display())]
    Lost {
        /// The socket that was tried.
        socket: PathBuf,
    },
    /// The daemon said that it can't answer now.
    #[error("the Ampoule daemon at {} can't answer now ({message}): see its log, then create the container again", socket.display())]
    Unavailable {
        /// The socket that was tried.
        socket: PathBuf,
        /// The daemon's words.
        message: String,
    },
    /// No answer in time.
    #[error("the Ampoule daemon at {} didn't answer in time: see its log, or raise `deadline:` in the shim's settings", socket.display())]
    Late {
        /// The socket that was tried.
        socket: PathBuf,
    },
    /// The daemon refused.
    #[error("{message} ({code})")]
    Refused {
        /// The Connect code.
        code: String,
        /// The daemon's words.
        message: String,
    },
    /// The answer makes no sense.
    #[error("what listens at {} is no Ampoule daemon of this version: check `socket:` in the shim's settings", socket.display())]
    Strange {
        /// The socket that was tried.
        socket: PathBuf,
    },
    /// This process can't make calls.
    #[error("the shim can't call the Ampoule daemon: check the limits on open files and memory")]
    Local {
        /// Why.
        #[source]
        error: io::Error,
    },
}
