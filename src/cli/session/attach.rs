//! A command in a container, with this process's input and output.

use std::future::pending;
use std::io::{self, Read};
use std::process::ExitCode;
use std::thread;

use ampoule_proto::call::{Sending, Streaming};
use ampoule_proto::messages::ampoule::v1::attach_request::Content as Said;
use ampoule_proto::messages::ampoule::v1::attach_response::Content as Answer;
use ampoule_proto::messages::ampoule::v1::{AttachRequest, AttachResponse, AttachStart, Terminal};
use buffa::MessageField;
use tokio::io::AsyncWriteExt;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::super::client::{Client, method};
use super::super::{CliError, Context};
use super::{HEARTBEAT, screen};

/// A command to be attached to.
pub(in crate::cli) struct Attachment {
    /// What to run; its terminal is filled in here.
    pub(in crate::cli) start: AttachStart,
    /// Whether it runs on a terminal as this one is.
    pub(in crate::cli) on_terminal: bool,
}

/// Runs it to its end, which is this one's too.
pub(in crate::cli) fn attach(context: &Context, client: &Client, attachment: Attachment) -> Result<ExitCode, CliError> {
    let Attachment { mut start, on_terminal } = attachment;
    let has_input = start.stdin;
    if on_terminal {
        if let Some(stream) = screen::missing(has_input) {
            return Err(CliError::NotATerminal { stream });
        }
        let term = context.environment.terminal_kind().unwrap_or_default().into_owned();
        start.terminal = MessageField::some(Terminal { size: screen::size().into(), term });
    }
    let first = AttachRequest { content: Some(start.into()) };
    client.duplex(method::ATTACH, &first, async |sending, answers| {
        // Not before: until here it is the daemon that has something to say.
        let raw = (on_terminal && has_input).then(screen::Raw::begin).transpose();
        let raw = raw.map_err(|error| failed("the terminal can't be used", error))?;
        let code = tokio::select! {
            code = show(answers, raw.is_some()) => code,
            error = speak(sending, has_input, on_terminal) => Err(error),
            code = interrupted(raw.is_some()) => code,
        };
        drop(raw);
        code
    })
}

fn failed(what: &'static str, error: io::Error) -> CliError {
    CliError::System { what, error }
}

async fn show(mut answers: Streaming<AttachResponse>, is_raw: bool) -> Result<ExitCode, CliError> {
    let (mut stdout, mut stderr) = (tokio::io::stdout(), tokio::io::stderr());
    while let Some(answer) = answers.next().await? {
        let written = match answer.content {
            Some(Answer::Stdout(data)) => print(&mut stdout, &data).await,
            // Nobody else returns the carriage.
            Some(Answer::Stderr(data)) if is_raw => print(&mut stderr, &with_returns(&data)).await,
            Some(Answer::Stderr(data)) => print(&mut stderr, &data).await,
            Some(Answer::ExitCode(code)) => return Ok(ExitCode::from(u8::try_from(code).unwrap_or(1))),
            None => Ok(()),
        };
        written.map_err(CliError::Output)?;
    }
    Err(CliError::NoExitCode)
}

async fn print(to: &mut (impl AsyncWriteExt + Unpin), data: &[u8]) -> io::Result<()> {
    to.write_all(data).await?;
    to.flush().await
}

fn with_returns(data: &[u8]) -> Vec<u8> {
    data.iter()
        .flat_map(|byte| if *byte == b'\n' { &b"\r\n"[..] } else { std::slice::from_ref(byte) })
        .copied()
        .collect()
}

/// Passes on what happens here, until this is dropped; what comes back then only tells why it can't.
async fn speak(sending: Sending<AttachRequest>, has_input: bool, on_terminal: bool) -> CliError {
    let mut resized = match signal(SignalKind::window_change()) {
        Ok(resized) => resized,
        Err(error) => return failed("signals can't be seen", error),
    };
    let mut typed = has_input.then(read_input);
    loop {
        let content = tokio::select! {
            data = next(&mut typed) => {
                if data.is_empty() {
                    typed = None;
                    Some(Said::StdinEnded(true))
                } else {
                    Some(Said::Stdin(data))
                }
            }
            _ = resized.recv(), if on_terminal => screen::size().map(Said::from),
            () = sleep(HEARTBEAT) => None,
        };
        if sending.send(&AttachRequest { content }).await.is_err() {
            pending::<()>().await;
        }
    }
}

/// What was typed; empty at the end, and never again.
async fn next(typed: &mut Option<mpsc::Receiver<Vec<u8>>>) -> Vec<u8> {
    match typed {
        Some(typed) => typed.recv().await.unwrap_or_default(),
        None => pending().await,
    }
}

/// Standard input, read by a thread that nobody waits for: it may be in the middle of it at the end.
fn read_input() -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel(4);
    thread::spawn(move || {
        let mut buffer = vec![0; 32 << 10];
        loop {
            match io::stdin().lock().read(&mut buffer) {
                Ok(count @ 1..) if sender.blocking_send(buffer[..count].to_vec()).is_ok() => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                _ => return,
            }
        }
    });
    receiver
}

/// The exit code of a process that a signal ends. One that holds a terminal must not be ended by it before the terminal is
/// as it was.
async fn interrupted(is_raw: bool) -> Result<ExitCode, CliError> {
    if !is_raw {
        return pending().await;
    }
    let watch = |kind| signal(kind).map_err(|error| failed("signals can't be seen", error));
    let (mut hangup, mut int) = (watch(SignalKind::hangup())?, watch(SignalKind::interrupt())?);
    let (mut quit, mut term) = (watch(SignalKind::quit())?, watch(SignalKind::terminate())?);
    let kind = tokio::select! {
        _ = hangup.recv() => SignalKind::hangup(),
        _ = int.recv() => SignalKind::interrupt(),
        _ = quit.recv() => SignalKind::quit(),
        _ = term.recv() => SignalKind::terminate(),
    };
    Ok(ExitCode::from(u8::try_from(128 + kind.as_raw_value()).unwrap_or(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_begin_at_the_left() {
        assert_eq!(with_returns(b"a\n\nb"), b"a\r\n\r\nb");
    }
}
