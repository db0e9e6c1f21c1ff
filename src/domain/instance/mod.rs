//! What people submit to have containers started: a request for an Instance, checked whole.

mod capability;
mod device;
mod image;
mod names;
mod paths;
mod read;
#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

use ampoule_proto::request::Source;

use super::submitted::Mistakes;
use super::{EnvName, Labels, Timestamp};

pub use capability::{Capability, InvalidCapability};
pub use device::{Device, InvalidDevice};
pub use image::{ImageRef, InvalidImageRef};
pub use names::{ContainerName, InvalidContainerName, InvalidVolumeTag, VolumeTag};
pub use paths::{ContainerPath, FilePath, HostPath, InvalidPath};
pub(in crate::domain) use read::environment;
pub use read::{MOST_BYTES, MOST_CONTAINERS, read, read_command, read_containers, read_message, read_text};

/// What `CreateInstance` is to start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceRequest {
    /// What it may use of the host.
    pub shape: Shape,
    /// Free text: what it is for.
    pub purpose: String,
    /// What it is listed by.
    pub labels: Labels,
    /// When it is destroyed. May lie in the past: whoever has the clock checks that.
    pub deadline: Option<Timestamp>,
    /// At least one, each with a name of its own.
    pub containers: Vec<ContainerSpec>,
    /// Volumes that every container gets.
    pub volumes: Vec<VolumeSpec>,
}

/// What an Instance may use of the host; all of it if nothing is said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// How many CPUs, from 1.
    pub virtual_cpu: Option<u32>,
    /// How much memory, in MB of 1,048,576 bytes, from 1.
    pub memory_megabytes: Option<u32>,
    /// The architecture that it wants, which a host has or hasn't.
    pub machine_arch: Option<MachineArch>,
}

/// A processor architecture, as image indexes name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MachineArch {
    /// x86-64.
    Amd64,
    /// `AArch64`.
    Arm64,
}

impl InstanceRequest {
    /// Refuses what this host can't be.
    pub fn check_host(&self, arch: MachineArch) -> Result<(), Mistakes> {
        let asked = self.shape.machine_arch.filter(|asked| *asked != arch);
        let mistake = asked.map(|asked| {
            let reason = format!("this host is {arch}, so no {asked} machine can be had here: leave the field out");
            ("shape.machine_arch".to_owned(), reason)
        });
        Mistakes::of(mistake).map_or(Ok(()), Err)
    }
}

impl fmt::Display for MachineArch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
        })
    }
}

impl FromStr for MachineArch {
    type Err = InvalidMachineArch;

    /// Reads `amd64` and `arm64`, and what the kernel calls them.
    fn from_str(text: &str) -> Result<Self, InvalidMachineArch> {
        match text {
            "amd64" | "x86_64" => Ok(Self::Amd64),
            "arm64" | "aarch64" => Ok(Self::Arm64),
            _ => Err(InvalidMachineArch),
        }
    }
}

/// A text that is no architecture that Ampoule runs on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidMachineArch;

impl fmt::Display for InvalidMachineArch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an architecture that can be had here: expected amd64 or arm64, or no such field")
    }
}

impl std::error::Error for InvalidMachineArch {}

/// One container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerSpec {
    /// Its name in the Instance.
    pub name: ContainerName,
    /// What it is made of.
    pub image: ImageRef,
    /// What the image's entry point gets, in the place of the image's own command.
    pub args: Vec<String>,
    /// Its variables: `environment`, then `env_vars`; each name once.
    pub env: Vec<Variable>,
    /// Where it finds the engine's socket.
    pub docker_sock_path: Option<ContainerPath>,
    /// Where it finds a folder with a token of the Instance.
    pub nsc_state_path: Option<ContainerPath>,
    /// The ports that others reach; none if the network is the host's.
    pub export_ports: Vec<PortSpec>,
    /// Which network it has.
    pub network: Network,
    /// Whether it may do all that the host's root may.
    pub privileged: bool,
    /// Folders and files of the host that it sees.
    pub host_mounts: Vec<HostMount>,
    /// Capabilities beyond the engine's own choice.
    pub cap_add: Vec<Capability>,
    /// Capabilities of the engine's choice that it doesn't get.
    pub cap_drop: Vec<Capability>,
    /// Devices of the host that it sees.
    pub devices: Vec<Device>,
    /// Its volumes.
    pub volumes: Vec<VolumeSpec>,
    /// What its end means.
    pub workload: Workload,
}

/// A command that is run in a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandSpec {
    /// The program and its arguments; at least the program.
    pub words: Vec<String>,
    /// Variables beside those of the container.
    pub env: Vec<Variable>,
    /// Where it runs, an absolute path; where the image says if nothing is said.
    pub directory: Option<String>,
}

/// A variable of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: EnvName,
    /// Where its value comes from. Its `Debug` shows no value.
    pub source: Source,
    /// Where it was asked for, such as `containers[0].env_vars[2]`: for errors about its secret.
    pub place: String,
}

/// A port of a container that others reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortSpec {
    /// What is spoken there.
    pub protocol: Protocol,
    /// The port in the container, from 1.
    pub container_port: u16,
    /// What people call it; may be empty.
    pub name: String,
}

/// What is spoken at a port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// Anything over TCP.
    #[default]
    Tcp,
    /// HTTP over TCP.
    Http,
}

/// Which network a container has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Network {
    /// One of its own behind the engine's bridge.
    #[default]
    Bridge,
    /// The host's.
    Host,
}

/// What the end of a container means for its Instance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Workload {
    /// The Instance is done.
    #[default]
    Job,
    /// The Instance has failed.
    Service,
}

/// A folder or file of the host in a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostMount {
    /// Where it is on the host.
    pub host: HostPath,
    /// Where the container sees it.
    pub container: ContainerPath,
    /// Whether the container can't write there.
    pub readonly: bool,
}

/// A volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumeSpec {
    /// Where containers see it.
    pub mount_point: ContainerPath,
    /// What it is known by: whoever names the same tag gets the same volume.
    pub tag: VolumeTag,
    /// How large it should be, in MB of 1,048,576 bytes: not enforced.
    pub size_megabytes: Option<u64>,
    /// Whether it may be thrown away.
    pub persistency: Persistency,
}

/// Whether a volume may be thrown away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Persistency {
    /// Never by us.
    #[default]
    Persistent,
    /// When room is needed.
    Cache,
}
