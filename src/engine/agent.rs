//! The process that starts the engine's programs.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use nix::unistd::geteuid;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::mpsc;

use super::argv::Invocation;
use super::frame::{Frame, read_job};
use super::job::Setup;

/// The agent, listening.
pub struct Agent {
    setup: Setup,
    listener: std::os::unix::net::UnixListener,
    socket: PathBuf,
}

impl Agent {
    /// Takes its place at a socket that its own user alone can open.
    pub fn listen(setup: Setup, socket: &Path) -> Result<Self, AgentError> {
        let failed = |error| AgentError { socket: socket.to_owned(), error };
        match fs::remove_file(socket) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        let listener = std::os::unix::net::UnixListener::bind(socket).map_err(failed)?;
        fs::set_permissions(socket, fs::Permissions::from_mode(0o600)).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        Ok(Self { setup, listener, socket: socket.to_owned() })
    }

    /// Works until its standard input ends, which is when the daemon does. What it started for the daemon ends with it; the
    /// containers don't.
    pub fn work(self) -> Result<(), AgentError> {
        let socket = self.socket.clone();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let failed = |error| AgentError { socket: socket.clone(), error };
        let runtime = runtime.map_err(failed)?;
        let worked = runtime.block_on(self.serve());
        let _ = fs::remove_file(&socket);
        worked.map_err(failed)
    }

    async fn serve(self) -> io::Result<()> {
        let listener = UnixListener::from_std(self.listener)?;
        let setup = std::sync::Arc::new(self.setup);
        let parent = async {
            // A thread of its own reads it: a pipe that is inherited may not be changed to non-blocking.
            let _ = tokio::task::spawn_blocking(|| io::copy(&mut io::stdin(), &mut io::sink())).await;
        };
        tokio::pin!(parent);
        loop {
            let connection = tokio::select! {
                () = &mut parent => return Ok(()),
                connection = listener.accept() => connection?.0,
            };
            let setup = setup.clone();
            if connection.peer_cred()?.uid() == geteuid().as_raw() {
                tokio::spawn(async move { attend(connection, &setup).await });
            }
        }
    }
}

async fn attend(connection: UnixStream, setup: &Setup) {
    let (mut reader, mut writer) = connection.into_split();
    let refusal = match read_job(&mut reader).await {
        Ok(None) => return,
        Ok(Some(job)) => match setup.invocation(&job) {
            Ok(call) => match spawn(setup, &call) {
                Ok(child) => {
                    // An error here is that nobody listens any more: the program has been ended with the job.
                    let _ = relay(child, call, reader, &mut writer).await;
                    return;
                }
                Err(error) => format!("{} can't be started: {error}", setup.program.display()),
            },
            Err(reason) => reason,
        },
        Err(error) => format!("the job can't be read: {error}"),
    };
    let _ = Frame::Refused(refusal).write(&mut writer).await;
}

fn spawn(setup: &Setup, call: &Invocation) -> io::Result<Child> {
    let mut command = Command::new(&setup.program);
    let stdin = if call.input.is_some() || call.interactive { Stdio::piped() } else { Stdio::null() };
    command.args(&call.arguments).stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
    // An engine's children must not see this process's signals, nor end with it.
    command.process_group(0).kill_on_drop(true).spawn()
}

/// Passes everything on until the program has ended, or whoever asked has gone: then the program is ended.
async fn relay(
    mut child: Child,
    call: Invocation,
    mut reader: OwnedReadHalf,
    writer: &mut OwnedWriteHalf,
) -> io::Result<()> {
    let mut stdin = child.stdin.take();
    if let (Some(input), Some(mut pipe)) = (call.input, stdin.take_if(|_| !call.interactive)) {
        tokio::spawn(async move { pipe.write_all(&input).await });
    }
    let (sender, mut frames) = mpsc::channel(4);
    let streams = [
        child.stdout.take().map(|stdout| tokio::spawn(read_all(stdout, Frame::Stdout, sender.clone()))),
        child.stderr.take().map(|stderr| tokio::spawn(read_all(stderr, Frame::Stderr, sender.clone()))),
    ];
    drop(sender);
    let mut gone = std::pin::pin!(feed(&mut reader, stdin));
    loop {
        tokio::select! {
            frame = frames.recv() => match frame {
                Some(frame) => frame.write(writer).await?,
                None => break,
            },
            () = &mut gone => {
                child.start_kill()?;
                child.wait().await?;
                return Ok(());
            }
        }
    }
    drop(streams);
    let status = tokio::select! {
        status = child.wait() => status?,
        () = &mut gone => {
            child.start_kill()?;
            child.wait().await?
        }
    };
    Frame::Exit(code(status)).write(writer).await
}

/// Gives the program what comes for it; returns when the other side has gone.
async fn feed(reader: &mut OwnedReadHalf, mut stdin: Option<ChildStdin>) {
    while let Ok(Some(frame)) = Frame::read(reader).await {
        if let Frame::Stdin(data) = frame {
            if data.is_empty() {
                stdin = None;
            } else if let Some(pipe) = &mut stdin
                && pipe.write_all(&data).await.is_err()
            {
                stdin = None;
            }
        }
    }
}

async fn read_all(mut from: impl AsyncRead + Unpin, frame: fn(Vec<u8>) -> Frame, to: mpsc::Sender<Frame>) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        if to.send(frame(buffer[..count].to_vec())).await.is_err() {
            return;
        }
    }
}

fn code(status: ExitStatus) -> i32 {
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(-1)
}

/// The agent can't work.
#[derive(Debug, thiserror::Error)]
#[error("the engine's agent can't work at {}: {error}", socket.display())]
pub struct AgentError {
    socket: PathBuf,
    error: io::Error,
}
