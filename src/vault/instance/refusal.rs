//! What can't be done with an instance.

use crate::domain::InstanceId;
use crate::domain::devbox::DevboxName;

/// Why something can't be done with an instance.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InstanceRefusal {
    /// There is none, or the caller may not know of it.
    #[error("instance {id} is not known, or not to you")]
    Unknown {
        /// What was asked for.
        id: InstanceId,
    },
    /// There is none of this name, or the caller may not know of it.
    #[error("devbox {name} is not known, or not to you: see `ampoule devbox list`")]
    UnknownDevbox {
        /// What was asked for.
        name: DevboxName,
    },
    /// One that lives has this name.
    #[error(
        "there is a devbox {name} already: work in it, starting it with `ampoule devbox start {name}` if it is stopped, \
         or remove it with `ampoule devbox expire {name}`, or take another name"
    )]
    NameTaken {
        /// The name.
        name: DevboxName,
    },
    /// It is not in a state for that.
    #[error("instance {id} is {status}: {reason}")]
    State {
        /// Which.
        id: InstanceId,
        /// How far it is.
        status: &'static str,
        /// What that means for the request.
        reason: String,
    },
    /// It has no such container.
    #[error("instance {id} has no container {name:?}: it has {}", known.join(", "))]
    NoContainer {
        /// Which.
        id: InstanceId,
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// The engine could not do it.
    #[error("{0}")]
    Engine(String),
    /// Its containers were to have a token, which could do nothing.
    #[error(
        "nsc_state_path: you may do nothing with the instance but make it, so there is nothing that a token of yours could do: \
         leave it out, or get a grant of describe on compute/instance"
    )]
    NoToken,
    /// As many commands, copies and logs are under way as may be.
    #[error("there are {most} commands, copies and logs of instances under way already: end some, or wait")]
    Busy {
        /// How many.
        most: usize,
    },
    /// There is no engine.
    #[error("this daemon starts no containers: set `instances.engine` in its settings")]
    Off,
}
