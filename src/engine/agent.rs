//! The process that starts the engine's programs.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::unistd::geteuid;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::argv::Invocation;
use super::frame::{Frame, read_job};
use super::hangup::hang_up;
use super::job::Setup;
use super::terminal::{Ours, Size, Terminal};

/// How often whoever asked for something is looked after.
const PROBE: Duration = Duration::from_secs(5);
/// How long jobs have to end when the daemon has gone.
const PARTING: Duration = Duration::from_secs(5);
/// How often it is seen whether the agent before has ended.
const TURN: Duration = Duration::from_millis(20);

/// The agent, listening.
pub struct Agent {
    setup: Setup,
    listener: std::os::unix::net::UnixListener,
    socket: PathBuf,
    /// Locked as long as an agent works.
    turn: File,
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
        // Never removed: who waits for it must wait for the same one.
        let turn = File::options().write(true).create(true).truncate(false).mode(0o600).open(turn_of(socket));
        Ok(Self { setup, listener, socket: socket.to_owned(), turn: turn.map_err(failed)? })
    }

    /// Works until its standard input ends, which is when the daemon does. What it started for the daemon ends with it; the
    /// containers don't.
    pub fn work(self) -> Result<(), AgentError> {
        let socket = self.socket.clone();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let failed = |error| AgentError { socket: socket.clone(), error };
        let runtime = runtime.map_err(failed)?;
        runtime.block_on(self.serve()).map_err(failed)
    }

    async fn serve(self) -> io::Result<()> {
        let listener = UnixListener::from_std(self.listener)?;
        let setup = std::sync::Arc::new(self.setup);
        let parent = async {
            // A thread of its own reads it: a pipe that is inherited may not be changed to non-blocking.
            let _ = tokio::task::spawn_blocking(|| io::copy(&mut io::stdin(), &mut io::sink())).await;
        };
        tokio::pin!(parent);
        tokio::select! {
            // It has begun nothing.
            () = &mut parent => return Ok(()),
            turn = take(&self.turn) => turn?,
        }
        let mut jobs = JoinSet::new();
        loop {
            let connection = tokio::select! {
                () = &mut parent => break,
                connection = listener.accept() => connection?.0,
                // So that what has ended is forgotten.
                Some(_) = jobs.join_next() => continue,
            };
            let setup = setup.clone();
            if connection.peer_cred()?.uid() == geteuid().as_raw() {
                jobs.spawn(async move { attend(connection, &setup).await });
            }
        }
        // At once: later it is the next agent's.
        let _ = fs::remove_file(&self.socket);
        // The daemon's side of them is closed, and they see to it that commands in containers end.
        let _ = timeout(PARTING, async { while jobs.join_next().await.is_some() {} }).await;
        Ok(())
    }
}

/// The file that agents at this socket take turns by.
fn turn_of(socket: &Path) -> PathBuf {
    let mut name = socket.as_os_str().to_owned();
    name.push(".lock");
    name.into()
}

/// Waits until the agent of an earlier daemon has ended. What that sees through, no other job may come between: of two
/// podmans that remove one container, one is done while the other has yet to end its processes.
async fn take(turn: &File) -> io::Result<()> {
    loop {
        match turn.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) => sleep(TURN).await,
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}

async fn attend(connection: UnixStream, setup: &Setup) {
    let (mut reader, mut writer) = connection.into_split();
    let refusal = match read_job(&mut reader).await {
        Ok(None) => return,
        Ok(Some(job)) => match setup.invocation(&job) {
            Ok(call) => match spawn(setup, &call) {
                Ok(started) => {
                    // An error here is that nobody listens any more: the program has been ended with the job.
                    let _ = relay(started, call, reader, &mut writer).await;
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

fn spawn(setup: &Setup, call: &Invocation) -> io::Result<(Child, Option<Ours>)> {
    let mut command = Command::new(&setup.program);
    let terminal = call.terminal.map(Terminal::open).transpose()?;
    match &terminal {
        // What the client itself has to say comes apart.
        Some(terminal) => command.stdin(terminal.side()?).stdout(terminal.side()?),
        None if call.input.is_some() || call.interactive => command.stdin(Stdio::piped()).stdout(Stdio::piped()),
        None => command.stdin(Stdio::null()).stdout(Stdio::piped()),
    };
    // An engine's children must not see this process's signals, nor end with it.
    command.args(&call.arguments).stderr(Stdio::piped()).process_group(0).kill_on_drop(true);
    let child = command.spawn()?;
    let client = child.id();
    Ok((child, terminal.map(|terminal| terminal.into_ours(client)).transpose()?))
}

/// Passes everything on until the program has ended, or whoever asked has gone: then the program is ended, unless it is to
/// be seen through.
async fn relay(
    (mut child, terminal): (Child, Option<Ours>),
    mut call: Invocation,
    reader: OwnedReadHalf,
    writer: &mut OwnedWriteHalf,
) -> io::Result<()> {
    let ended = pass_on(&mut child, terminal, &mut call, reader, writer).await;
    if let Ok(Some(status)) = ended {
        return Frame::Exit(code(status)).write(writer).await;
    }
    child.start_kill()?;
    child.wait().await?;
    if let Some(mark) = call.mark {
        hang_up(&mark, call.terminal.is_some()).await;
    }
    Ok(())
}

/// How the program ended; nothing, or an error, if whoever asked has gone.
async fn pass_on(
    child: &mut Child,
    terminal: Option<Ours>,
    call: &mut Invocation,
    mut reader: OwnedReadHalf,
    writer: &mut OwnedWriteHalf,
) -> io::Result<Option<ExitStatus>> {
    let (sender, mut frames) = mpsc::channel(4);
    let mut input = Input { pipe: child.stdin.take().map(|pipe| Box::new(pipe) as Pipe), size: None };
    if let Some(stdout) = child.stdout.take() {
        tokio::spawn(read_all(stdout, Frame::Stdout, sender.clone()));
    }
    if let Some(stderr) = child.stderr.take() {
        tokio::spawn(read_all(stderr, Frame::Stderr, sender.clone()));
    }
    if let Some(Ours { shown, keys, size }) = terminal {
        tokio::spawn(read_all(shown, Frame::Stdout, sender.clone()));
        input = Input { pipe: call.interactive.then(|| Box::new(keys) as Pipe), size: Some(size) };
    }
    drop(sender);
    if let (Some(text), Some(mut pipe)) = (call.input.take(), input.pipe.take_if(|_| !call.interactive)) {
        tokio::spawn(async move { pipe.write_all(&text).await });
    }
    let mut gone = std::pin::pin!(feed(&mut reader, input));
    loop {
        tokio::select! {
            frame = frames.recv() => match (frame, call.is_seen_through) {
                (Some(frame), false) => frame.write(writer).await?,
                // Nobody may listen any more.
                (Some(frame), true) => drop(frame.write(writer).await),
                (None, _) => break,
            },
            () = &mut gone, if !call.is_seen_through => return Ok(None),
            // Fails if nobody listens any more. What comes from there doesn't tell while the program takes no input.
            () = sleep(PROBE), if !call.is_seen_through => Frame::Stdout(Vec::new()).write(writer).await?,
        }
    }
    tokio::select! {
        status = child.wait() => status.map(Some),
        () = &mut gone, if !call.is_seen_through => Ok(None),
    }
}

type Pipe = Box<dyn AsyncWrite + Send + Unpin>;

/// Where what comes for a program goes.
struct Input {
    pipe: Option<Pipe>,
    size: Option<Size>,
}

/// Gives the program what comes for it; returns when the other side has gone.
async fn feed(reader: &mut OwnedReadHalf, mut input: Input) {
    while let Ok(Some(frame)) = Frame::read(reader).await {
        match frame {
            // A terminal has no end but its own.
            Frame::Stdin(data) if data.is_empty() => input.pipe = input.pipe.filter(|_| input.size.is_some()),
            Frame::Stdin(data) => {
                if let Some(pipe) = &mut input.pipe
                    && pipe.write_all(&data).await.is_err()
                {
                    input.pipe = None;
                }
            }
            Frame::Resize(window) => {
                if let Some(size) = &input.size {
                    size.set(window);
                }
            }
            Frame::Stdout(_) | Frame::Stderr(_) | Frame::Exit(_) | Frame::Refused(_) => {}
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
