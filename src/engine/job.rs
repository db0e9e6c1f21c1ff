//! What the agent can be asked to do.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Kind;

/// How the agent works; fixed when it starts.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Setup {
    /// Which engine.
    pub kind: Kind,
    /// Its program.
    pub program: PathBuf,
    /// Arguments before every command of it.
    pub arguments: Vec<String>,
    /// The runtime that puts secrets in: a name that the engine knows, or, for podman, a path.
    pub runtime: String,
    /// The vault that the instances belong to: others' are left alone.
    pub vault: String,
    /// What containers may have.
    pub limits: Limits,
}

/// What containers may have that gives them power over the host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// `privileged`, capabilities beyond the engine's usual ones, and the host's network.
    pub privileged: bool,
    /// Devices, below these paths.
    pub devices: Vec<PathBuf>,
    /// Folders of the host, below these paths.
    pub host_mounts: Vec<PathBuf>,
    /// The engine's own socket.
    pub engine_socket: Option<PathBuf>,
    /// A folder with one for each instance, which its containers may see.
    pub state_folder: Option<PathBuf>,
}

/// One thing to do.
///
/// Without `Debug`: the environments of containers and commands are in it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Job {
    /// Tell the engine's version.
    Version,
    /// Tell whether an image is there, by the exit code.
    HasImage(String),
    /// Print what an image says of the containers made of it, as JSON.
    ImageConfig(String),
    /// Fetch an image.
    Pull(String),
    /// Make a container without starting it; its id is printed.
    Create(Box<NewContainer>),
    /// Start a container.
    Start(String),
    /// Stop containers: ask, and after so many seconds don't ask any more.
    Stop {
        /// Which.
        ids: Vec<String>,
        /// How long each has.
        seconds: u32,
    },
    /// Remove containers, running or not, with their anonymous volumes.
    Remove(Vec<String>),
    /// Print the ids of all containers that belong to this vault's instances.
    List {
        /// Only those of this one.
        instance: Option<String>,
    },
    /// Print what is known of containers, as JSON.
    Inspect(Vec<String>),
    /// Print what a container has printed, each line with its time.
    Logs {
        /// Which.
        id: String,
        /// Whether to go on until it ends.
        follow: bool,
        /// Only the last lines.
        last: Option<u32>,
    },
    /// Run a command in a container.
    Exec {
        /// Which.
        id: String,
        /// The program and its arguments.
        command: Vec<String>,
        /// Variables beside the container's.
        env: Vec<(String, String)>,
        /// Where it runs; empty means where the container does.
        cwd: String,
        /// Whether it is given standard input.
        stdin: bool,
        /// The size of its terminal, if it has one.
        terminal: Option<Window>,
        /// Whether it goes on when nobody listens.
        detach: bool,
    },
    /// Print a folder or file of a container as a tar archive.
    CopyOut {
        /// Which.
        id: String,
        /// What.
        path: String,
    },
    /// Unpack a tar archive, from standard input, in a folder of a container.
    CopyIn {
        /// Which.
        id: String,
        /// Where.
        path: String,
    },
    /// Remove named volumes.
    RemoveVolumes(Vec<String>),
}

/// The size of a terminal, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Lines.
    pub rows: u16,
    /// Characters of a line.
    pub columns: u16,
}

/// A container to make.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct NewContainer {
    /// The instance.
    pub instance: String,
    /// What it is called within the instance.
    pub name: String,
    /// What it is made of; it must be there already.
    pub image: String,
    /// What to run; empty means what the image says.
    pub args: Vec<String>,
    /// A program in place of the image's own.
    pub entrypoint: Option<String>,
    /// Variables and their values or references.
    pub env: Vec<(String, String)>,
    /// Ports to publish.
    pub ports: Vec<Port>,
    /// Whether it uses the host's network; else one of its own.
    pub host_network: bool,
    /// Whether it may do on the host what root may.
    pub privileged: bool,
    /// Capabilities beside the usual ones.
    pub cap_add: Vec<String>,
    /// Capabilities that it shall not have.
    pub cap_drop: Vec<String>,
    /// Devices of the host, as the engine writes them.
    pub devices: Vec<String>,
    /// What is mounted.
    pub mounts: Vec<Mount>,
    /// Where the folder of its instance is in it.
    pub state: Option<String>,
    /// Where the engine's socket is in it.
    pub engine_socket: Option<String>,
    /// Processors.
    pub cpus: Option<u32>,
    /// Memory in MiB.
    pub memory: Option<u32>,
    /// Where it runs; empty means where the image says.
    pub cwd: String,
}

/// A port of a container that can be reached on the host's loopback.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Port {
    /// Its number in the container.
    pub container: u16,
}

/// Something mounted into a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mount {
    /// A folder of the host.
    Host {
        /// Where it is on the host.
        source: String,
        /// Where it is in the container.
        target: String,
        /// Whether it can't be written.
        readonly: bool,
    },
    /// A named volume.
    Volume {
        /// Its name.
        name: String,
        /// Where it is in the container.
        target: String,
    },
    /// A folder in memory, for everybody and for programs too, that goes when the container stops.
    Memory {
        /// Where it is in the container.
        target: String,
    },
}
