//! Why no runtime was started.

use ampoule_proto::request::RequestError;

use crate::client::ClientError;
use crate::config::ConfigError;
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
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The daemon's answer doesn't fit the question.
    #[error(
        "the Ampoule daemon answered for other secrets than were asked for: update the daemon and the shim together"
    )]
    OtherSecrets,
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
