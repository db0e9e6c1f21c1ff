//! One call to the daemon, tried again while that restarts.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ampoule_proto::call::{self, CallError};
use ampoule_proto::messages::ampoule::v1::{ReportRequest, ReportResponse, ResolveRequest, ResolveResponse};
use buffa::Message;
use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use tokio::time::{Instant, sleep, timeout_at};

const RESOLVE: &str = "/ampoule.v1.InjectionService/Resolve";
const REPORT: &str = "/ampoule.v1.InjectionService/Report";
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
    run(with_retries(socket, RESOLVE, request, Instant::from_std(deadline)))
}

/// Tells the daemon what became of a container, within the time left until `deadline`; as [`resolve`] does.
pub fn report(socket: &Path, request: &ReportRequest, deadline: std::time::Instant) -> Result<(), ClientError> {
    let told = with_retries(socket, REPORT, request, Instant::from_std(deadline));
    run(told).map(|ReportResponse { .. }| ())
}

/// The same, but a daemon that isn't there is not waited for.
pub fn report_once(socket: &Path, request: &ReportRequest, deadline: std::time::Instant) -> Result<(), ClientError> {
    let late = |_| ClientError::Late { socket: socket.to_owned() };
    run(async {
        let told = timeout_at(Instant::from_std(deadline), call::unary(socket, REPORT, &[], request)).await;
        let ReportResponse { .. } = told.map_err(late)??;
        Ok(())
    })
}

fn run<T>(call: impl Future<Output = Result<T, ClientError>>) -> Result<T, ClientError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build();
    let runtime = runtime.map_err(|error| ClientError::Local { error })?;
    let answered = without_sigpipe(|| runtime.block_on(call));
    answered.map_err(|errno| ClientError::Local { error: errno.into() })?
}

/// Runs without the signal that a daemon's death in the middle of a request brings: it would end the shim silently.
///
/// The runtime inherits what it would without the shim: the disposition stays, and the mask is put back.
fn without_sigpipe<T>(run: impl FnOnce() -> T) -> nix::Result<T> {
    let mut blocked = SigSet::empty();
    blocked.add(Signal::SIGPIPE);
    let before = blocked.thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
    let result = run();
    // One that has come would be delivered as soon as the mask is back.
    SignalFd::with_flags(&blocked, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?.read_signal()?;
    before.thread_set_mask()?;
    Ok(result)
}

async fn with_retries<Q: Message, A: Message>(
    socket: &Path,
    method: &'static str,
    request: &Q,
    deadline: Instant,
) -> Result<A, ClientError> {
    let mut pause = FIRST_PAUSE;
    let mut last = None;
    loop {
        let error = match timeout_at(deadline, call::unary(socket, method, &[], request)).await {
            Ok(Ok(response)) => return Ok(response),
            Ok(Err(error)) if error.is_passing() => error,
            Ok(Err(error)) => return Err(error.into()),
            Err(_) => return Err(last.map_or_else(|| ClientError::Late { socket: socket.to_owned() }, Into::into)),
        };
        if Instant::now() + pause >= deadline {
            return Err(error.into());
        }
        last = Some(error);
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Values that the daemon didn't give. What to do depends on where the settings are: see [`ClientError::described`].
#[derive(Debug)]
pub enum ClientError {
    /// The last call was not answered.
    Call(CallError),
    /// No answer in time.
    Late {
        /// The socket that was tried.
        socket: PathBuf,
    },
    /// This process can't make calls.
    Local {
        /// Why.
        error: io::Error,
    },
}

impl From<CallError> for ClientError {
    fn from(error: CallError) -> Self {
        Self::Call(error)
    }
}

impl ClientError {
    /// What happened and what to do, where these are the settings.
    pub fn described(&self, settings: &Path) -> String {
        let settings = settings.display();
        match self {
            Self::Call(error) => match error.remedy(&format!("`socket:` in {settings}")) {
                remedy if remedy.is_empty() => error.to_string(),
                remedy => format!("{error}: {remedy}"),
            },
            Self::Late { socket } => format!(
                "the Ampoule daemon at {} didn't answer in time: see its log, or raise `deadline:` in {settings}",
                socket.display()
            ),
            Self::Local { error } => {
                format!("the shim can't call the Ampoule daemon ({error}): check the limits on open files and memory")
            }
        }
    }

    /// Whether the daemon has answered, and its audit log says nothing of it: what it doesn't understand it doesn't record.
    pub fn is_unrecorded(&self) -> bool {
        matches!(self, Self::Call(CallError::Refused { code, .. }) if code == "invalid_argument")
    }
}
