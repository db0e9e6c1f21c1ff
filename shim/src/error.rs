//! Why no runtime was started.

use std::io::ErrorKind;
use std::path::PathBuf;

use ampoule_proto::request::RequestError;

use crate::client::ClientError;
use crate::config::{ConfigError, Settings};
use crate::deliver::DeliverError;
use crate::runtime::RuntimeError;
use crate::spec::SpecError;

/// Why no runtime was started. The container doesn't exist then, and the bundle is as it was.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The settings.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The runtime.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// The runtime would read config.json again when the values are gone.
    #[error(
        "{runtime} reads config.json again when it starts the container, when the values are gone from it: use runc, crun or youki, or set `allow_runtimes: [{runtime}]` in the shim's settings if yours reads it once"
    )]
    ReadsAgain {
        /// The runtime's name.
        runtime: String,
    },
    /// config.json.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// What the container asks for.
    #[error("{0}; the container was not created")]
    Request(RequestError),
    /// The daemon.
    #[error("{}", error.described(settings))]
    Client {
        /// What happened.
        error: ClientError,
        /// The file that says where the daemon is, which need not be there.
        settings: PathBuf,
    },
    /// The daemon's answer doesn't fit the question.
    #[error(
        "the Ampoule daemon answered for other secrets than were asked for: update the daemon and the shim together"
    )]
    OtherSecrets,
    /// What a process that is to start in a container asks for.
    #[error("{0}; the process was not started")]
    ExecRequest(RequestError),
    /// The description of such a process.
    #[error("{}; the process was not started", .0.to_string().replace("config.json", "the process's description"))]
    Process(SpecError),
    /// An `--env` of `exec` holds a reference.
    #[error(
        "--env {name}: a reference can't be given on the command line of exec: put it into a process.json and call exec with --process"
    )]
    ReferenceOption {
        /// The variable.
        name: String,
    },
    /// An `exec` without a description, of a runtime that is not known well enough.
    #[error(
        "a process of a container with secrets can't be started by {runtime} exec without --process: give it one, or set `exec: false` in the shim's settings"
    )]
    NoDescription {
        /// The runtime's name.
        runtime: String,
    },
    /// A checkpoint writes the process's memory and the container's files in memory to a disk.
    #[error(
        "container {id} has values from the vault, which a checkpoint would write to a disk: set `allow_checkpoint: true` in the shim's settings if it may"
    )]
    Checkpoint {
        /// The container.
        id: String,
    },
    /// The container's specification has gone.
    #[error(
        "{} can't be read, so what the container got can't be told from what the process is to get: put it back, or set `exec: false` in the shim's settings",
        path.display()
    )]
    NoOriginal {
        /// The specification.
        path: PathBuf,
    },
    /// The runtime can't be led to the description.
    #[error(
        "the shim can't lead the runtime to the process's description ({error}): check {}, or call exec with --process",
        folder.display()
    )]
    Links {
        /// Where it is made.
        folder: PathBuf,
        /// Why it wasn't.
        error: ErrorKind,
    },
    /// Getting the values to the runtime.
    #[error(transparent)]
    Deliver(#[from] DeliverError),
}

// Not by `#[from]`, which would make it the source too: the message has all of it already.
impl From<RequestError> for Error {
    fn from(error: RequestError) -> Self {
        Self::Request(error)
    }
}

impl Error {
    /// What a call of the daemon that these settings name ended in.
    pub(crate) fn of_call(settings: &Settings) -> impl Fn(ClientError) -> Self {
        |error| Self::Client { error, settings: settings.path.clone() }
    }
}
