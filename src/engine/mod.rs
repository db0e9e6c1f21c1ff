//! Container engines, driven by their command lines.
//!
//! The daemon can't start programs any more once it is confined. So a process of its own does it, the agent, which is
//! started before: it takes [`Job`]s, never command lines, and refuses those that its [`Limits`] exclude.

mod agent;
mod argv;
mod client;
mod frame;
mod hangup;
mod inspect;
mod job;
mod limits;
mod terminal;

pub use agent::{Agent, AgentError};
pub use client::{Engine, EngineError, Finished, Input, Output, Session};
pub use frame::Frame;
pub use inspect::{Condition, Found};
pub use job::{Job, Limits, Mount, NewContainer, Port, Setup, Window};

/// Which engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// podman(1).
    Podman,
    /// docker(1).
    Docker,
}

impl Kind {
    /// The program's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Podman => "podman",
            Self::Docker => "docker",
        }
    }
}

/// The label that says which instance a container belongs to.
pub const INSTANCE_LABEL: &str = "dev.ampoule.instance";
/// The label that says what a container is called within its instance.
pub const NAME_LABEL: &str = "dev.ampoule.container";
