//! A command and whoever is attached to it.

use ampoule_proto::messages::ampoule::v1::attach_request::Content as Said;
use ampoule_proto::messages::ampoule::v1::attach_response::Content as Answer;
use ampoule_proto::messages::ampoule::v1::{AttachRequest, AttachResponse, AttachStart, Terminal, WindowSize};
use connectrpc::{ConnectError, ServiceStream};
use tokio::time::sleep;

use super::super::compute::{HEARTBEAT, Sender, command};
use super::super::convert::field;
use super::super::error::connect_error;
use super::{lost, next};
use crate::authz::Principal;
use crate::domain::InstanceId;
use crate::engine::{Frame, Input, Output, Session, Window};
use crate::instances::{Exec, Instances};

/// The size of a terminal of which nobody says it.
const USUAL: Window = Window { rows: 24, columns: 80 };

/// A command that was started.
pub(super) struct Attached {
    session: Session,
    /// Whether what is printed is the engine's own, of a command that goes on by itself.
    is_detached: bool,
}

pub(super) async fn start(
    instances: &Instances,
    principal: &Principal,
    first: AttachRequest,
) -> Result<Attached, ConnectError> {
    let Some(Said::Start(start)) = first.content else {
        return Err(ConnectError::invalid_argument("start: it is missing: the first request says what to run"));
    };
    let id: InstanceId = field("instance_id", &start.instance_id)?;
    let is_detached = start.detach;
    let exec = exec(*start)?;
    let session = instances.exec(principal, &id, exec).await.map_err(|error| connect_error(&error))?;
    Ok(Attached { session, is_detached })
}

fn exec(start: AttachStart) -> Result<Exec, ConnectError> {
    if start.detach && (start.stdin || start.terminal.is_set()) {
        return Err(ConnectError::invalid_argument(
            "detach: a command that goes on by itself has no input and no terminal",
        ));
    }
    let command = command(&start.command.into_option().unwrap_or_default())?;
    Ok(Exec {
        container: start.container_name,
        command: command.words,
        env: command.env,
        cwd: command.directory.unwrap_or_default(),
        stdin: start.stdin,
        terminal: start.terminal.into_option().map(terminal).transpose()?,
        detach: start.detach,
    })
}

fn terminal(terminal: Terminal) -> Result<(Window, String), ConnectError> {
    let is_name = |term: &str| {
        term.len() <= 64 && term.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-._".contains(&byte))
    };
    let kind = match terminal.term.as_str() {
        "" => "xterm".to_owned(),
        term if is_name(term) => term.to_owned(),
        _ => return Err(ConnectError::invalid_argument("terminal.term: expected the name of a kind of terminal")),
    };
    let size = terminal.size.into_option().map(|size| window(&size)).transpose()?;
    Ok((size.unwrap_or(USUAL), kind))
}

fn window(size: &WindowSize) -> Result<Window, ConnectError> {
    let number = |name: &str, number: u32, usual: u16| match u16::try_from(number) {
        Ok(0) => Ok(usual),
        Ok(number) => Ok(number),
        Err(_) => Err(ConnectError::invalid_argument(format!("{name}: expected at most {}", u16::MAX))),
    };
    Ok(Window {
        rows: number("rows", size.rows, USUAL.rows)?,
        columns: number("columns", size.columns, USUAL.columns)?,
    })
}

impl Attached {
    /// Passes everything on until the command has ended, or the caller has gone: then the command is ended.
    pub(super) async fn run(mut self, mut requests: ServiceStream<AttachRequest>, to: Sender<AttachResponse>) {
        let (output, input) = self.session.split();
        let ended = tokio::select! {
            // Neither waits for the other: a command may take no more input before what it printed is taken.
            ended = show(output, self.is_detached, &to) => ended,
            error = pass(&mut requests, input) => Err(error),
            () = to.closed() => return,
        };
        if let Err(error) = ended {
            let _ = to.send(Err(error)).await;
        }
    }
}

async fn show(output: &mut Output, is_detached: bool, to: &Sender<AttachResponse>) -> Result<(), ConnectError> {
    loop {
        let frame = tokio::select! {
            frame = output.next() => Some(frame.map_err(|error| lost(&error))?),
            () = sleep(HEARTBEAT) => None,
        };
        let is_end = matches!(frame, Some(Frame::Exit(_)));
        let content = match frame {
            Some(Frame::Stdout(_)) if is_detached => continue,
            Some(Frame::Stdout(data)) => Some(Answer::Stdout(data)),
            Some(Frame::Stderr(data)) => Some(Answer::Stderr(data)),
            Some(Frame::Exit(code)) => Some(Answer::ExitCode(code)),
            Some(Frame::Stdin(_) | Frame::Resize(_) | Frame::Refused(_)) | None => None,
        };
        if to.send(Ok(AttachResponse { content })).await.is_err() || is_end {
            return Ok(());
        }
    }
}

/// Passes on what the caller says, for as long as it is there.
async fn pass(requests: &mut ServiceStream<AttachRequest>, input: &mut Input) -> ConnectError {
    loop {
        let passed = match next(requests).await {
            Ok(Some(request)) => match request.content {
                // What is empty would be the end.
                Some(Said::Stdin(data)) if data.is_empty() => Ok(()),
                Some(Said::Stdin(data)) => input.send(data).await,
                Some(Said::StdinEnded(_)) => input.send(Vec::new()).await,
                Some(Said::Resize(size)) => match window(&size) {
                    Ok(window) => input.resize(window).await,
                    Err(error) => return error,
                },
                Some(Said::Start(_)) => return ConnectError::invalid_argument("start: only the first request has it"),
                None => Ok(()),
            },
            Ok(None) => {
                let ended = input.send(Vec::new()).await;
                if ended.is_ok() {
                    std::future::pending::<()>().await;
                }
                ended
            }
            Err(error) => return error,
        };
        // Then the command has ended, which is told beside this.
        if passed.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
