//! The daemon's side of the agent.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::BytesMut;
use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::OwnedSemaphorePermit;

use super::frame::{Frame, write_job};
use super::{Found, Job, Kind, Window};

/// The longest error message of an engine that is kept.
const MOST_WORDS: usize = 4000;
/// How much of a job's output is kept, about, in bytes.
const MOST_OUTPUT: usize = 16 << 20;

/// An engine that jobs can be given to.
#[derive(Clone, Debug)]
pub struct Engine {
    kind: Kind,
    socket: Arc<PathBuf>,
}

/// A job under way. When it is dropped, so is the job.
pub struct Session {
    output: Output,
    input: Input,
    /// Its place among those that there may be.
    _place: Option<OwnedSemaphorePermit>,
}

/// What comes of a job.
pub struct Output {
    reader: OwnedReadHalf,
    buffer: BytesMut,
}

/// What goes to a job.
pub struct Input {
    writer: OwnedWriteHalf,
}

/// A job that has ended.
#[derive(Clone)]
pub struct Finished {
    /// The program's exit code.
    pub code: i32,
    /// Its standard output.
    pub stdout: Vec<u8>,
    /// Its standard error.
    pub stderr: Vec<u8>,
}

impl Engine {
    /// The engine whose agent listens there.
    pub fn new(kind: Kind, socket: PathBuf) -> Self {
        Self { kind, socket: Arc::new(socket) }
    }

    /// Which engine it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Starts a job.
    pub async fn start(&self, job: &Job) -> Result<Session, EngineError> {
        let stream = UnixStream::connect(&*self.socket).await?;
        let (reader, mut writer) = stream.into_split();
        write_job(job, &mut writer).await?;
        Ok(Session { output: Output { reader, buffer: BytesMut::new() }, input: Input { writer }, _place: None })
    }

    /// Runs a job to its end, whatever that is.
    pub async fn finish(&self, job: &Job) -> Result<Finished, EngineError> {
        let mut session = self.start(job).await?;
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        loop {
            match session.next().await? {
                Frame::Stdout(data) => keep(&mut stdout, data),
                Frame::Stderr(data) => keep(&mut stderr, data),
                Frame::Exit(code) => return Ok(Finished { code, stdout, stderr }),
                Frame::Stdin(_) | Frame::Resize(_) | Frame::Refused(_) => {}
            }
        }
    }

    /// Runs a job that must succeed; what it printed.
    pub async fn run(&self, job: &Job) -> Result<String, EngineError> {
        let finished = self.finish(job).await?;
        if finished.code == 0 {
            return Ok(String::from_utf8_lossy(&finished.stdout).into_owned());
        }
        Err(EngineError::failed(self.kind, finished.code, &finished.stderr))
    }

    /// The ids of all containers that belong to this vault's instances, or to one of them.
    pub async fn ids(&self, instance: Option<&str>) -> Result<Vec<String>, EngineError> {
        let listed = self.run(&Job::List { instance: instance.map(str::to_owned) }).await?;
        Ok(listed.split_whitespace().map(str::to_owned).collect())
    }

    /// The same, with what is known of them.
    pub async fn containers(&self, instance: Option<&str>) -> Result<Vec<Found>, EngineError> {
        self.inspect(self.ids(instance).await?).await
    }

    /// What is known of these containers; those that are gone are left out.
    pub async fn inspect(&self, ids: Vec<String>) -> Result<Vec<Found>, EngineError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        // It fails if one of them has gone meanwhile, and tells of the others all the same.
        let finished = self.finish(&Job::Inspect(ids)).await?;
        super::inspect::parse(&finished.stdout)
            .map_err(|error| EngineError::Answer { engine: self.kind.as_str(), error })
    }
}

impl Session {
    /// The same, which has this place as long as it is under way.
    #[must_use]
    pub fn in_place(self, place: OwnedSemaphorePermit) -> Self {
        Self { _place: Some(place), ..self }
    }

    /// The next frame; the last is [`Frame::Exit`]. Nothing is lost if it is not waited for to the end.
    pub async fn next(&mut self) -> Result<Frame, EngineError> {
        self.output.next().await
    }

    /// Both directions apart.
    pub fn split(&mut self) -> (&mut Output, &mut Input) {
        (&mut self.output, &mut self.input)
    }
}

impl Output {
    /// The next frame, as of [`Session::next`].
    pub async fn next(&mut self) -> Result<Frame, EngineError> {
        loop {
            match Frame::take(&mut self.buffer)? {
                Some(Frame::Refused(reason)) => return Err(EngineError::Refused(reason)),
                // Only a look whether somebody listens.
                Some(Frame::Stdout(data)) if data.is_empty() => {}
                Some(frame) => return Ok(frame),
                None if self.reader.read_buf(&mut self.buffer).await? == 0 => {
                    return Err(EngineError::Agent(io::ErrorKind::UnexpectedEof.into()));
                }
                None => {}
            }
        }
    }
}

impl Input {
    /// Gives the program input; empty means that there is no more.
    pub async fn send(&mut self, data: Vec<u8>) -> Result<(), EngineError> {
        Ok(Frame::Stdin(data).write(&mut self.writer).await?)
    }

    /// Gives the program's terminal another size.
    pub async fn resize(&mut self, window: Window) -> Result<(), EngineError> {
        Ok(Frame::Resize(window).write(&mut self.writer).await?)
    }
}

impl EngineError {
    /// That of a program that ended with this code, by what it said last.
    pub fn failed(kind: Kind, code: i32, stderr: &[u8]) -> Self {
        Self::Failed { engine: kind.as_str(), code, words: words(stderr) }
    }
}

/// What is beyond the limit is left out: a container may print without end.
fn keep(all: &mut Vec<u8>, data: Vec<u8>) {
    if all.len() < MOST_OUTPUT {
        all.extend(data);
    }
}

/// An engine's last words, as one text of bounded length.
fn words(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let text = text.trim();
    let skipped = text.chars().count().saturating_sub(MOST_WORDS);
    text.chars().skip(skipped).collect()
}

/// A job that was not done.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The settings don't allow it, or the program is not there.
    #[error("{0}")]
    Refused(String),
    /// The engine's program failed.
    #[error("{engine} failed ({code}): {words}")]
    Failed {
        /// The engine.
        engine: &'static str,
        /// Its program's exit code.
        code: i32,
        /// Its words.
        words: String,
    },
    /// The engine's program said something that makes no sense.
    #[error("{engine} answered in a form that is not known: {error}")]
    Answer {
        /// The engine.
        engine: &'static str,
        /// What is wrong with it.
        error: serde_json::Error,
    },
    /// The agent is gone.
    #[error("the engine's agent doesn't answer ({0}): start the daemon anew")]
    Agent(#[from] io::Error),
}
