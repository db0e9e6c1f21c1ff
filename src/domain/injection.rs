//! What a container was given, and the container.

use super::{ActorId, Container, ObjectId, RequestId, Timestamp, Version};

/// One answer to a container that asked for values: an entry of the inventory, for as long as the container has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Injection {
    /// The request that was answered.
    pub id: RequestId,
    /// When.
    pub at: Timestamp,
    /// Whom.
    pub actor: ActorId,
    /// For which container.
    pub container: Container,
    /// What it was given, in the order in which it asked.
    pub holds: Vec<Held>,
    /// The machine's run that this was in: its `boot_id` (proc(5)). No container outlives it.
    pub boot: String,
    /// The container's first process, once it is known to be created.
    pub init: Option<Process>,
}

/// A version of a secret, and where the container has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The variable, or the file's path.
    pub name: String,
    /// The secret.
    pub object: ObjectId,
    /// The version.
    pub version: Version,
}

/// A process, as nobody else is named while the machine runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its id.
    pub pid: i32,
    /// When it started: clock ticks since the machine did (proc(5), field 22 of `/proc/pid/stat`).
    pub started: u64,
    /// The namespace that the id is of, by the inode of `/proc/self/ns/pid`; 0 if unknown.
    pub namespace: u64,
}

impl Injection {
    /// The versions, each once.
    pub fn versions(&self) -> Vec<(&ObjectId, Version)> {
        let mut versions = Vec::new();
        for held in &self.holds {
            let version = (&held.object, held.version);
            if !versions.contains(&version) {
                versions.push(version);
            }
        }
        versions
    }
}
