//! Devices of the host: `/dev/NAME`, `/dev/NAME:PATH` or `/dev/NAME:PATH:rwm`.

use std::fmt;
use std::str::FromStr;

use super::{ContainerPath, HostPath, InvalidPath};

/// A device of the host that a container sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Where it is on the host, below `/dev`.
    pub host: HostPath,
    /// Where the container sees it: at the same place if nothing is said.
    pub container: ContainerPath,
    /// Some of `r`, `w` and `m` (read, write, make the node), in this order.
    pub access: String,
}

/// As podman and docker take it after `--device`.
impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.host, self.container, self.access)
    }
}

impl FromStr for Device {
    type Err = InvalidDevice;

    fn from_str(text: &str) -> Result<Self, InvalidDevice> {
        let mut parts = text.split(':');
        let host = parts.next().unwrap_or_default();
        let (container, access) = match (parts.next(), parts.next(), parts.next()) {
            (None, ..) => (host, "rwm"),
            // Engines take the second part for the access if it looks like one.
            (Some(second), None, _) if second.starts_with('/') => (second, "rwm"),
            (Some(second), None, _) => (host, second),
            (Some(second), Some(third), None) => (second, third),
            (Some(_), Some(_), Some(_)) => return Err(InvalidDevice::Form),
        };
        let host: HostPath = host.parse().map_err(InvalidDevice::Path)?;
        if !host.as_str().starts_with("/dev/") {
            return Err(InvalidDevice::Elsewhere);
        }
        let container = container.parse().map_err(InvalidDevice::Path)?;
        Ok(Self { host, container, access: access_of(access).ok_or(InvalidDevice::Access)? })
    }
}

/// Each letter at most once, sorted.
fn access_of(text: &str) -> Option<String> {
    let sorted: String = "rwm".chars().filter(|letter| text.contains(*letter)).collect();
    (!text.is_empty() && sorted.len() == text.len()).then_some(sorted)
}

/// Why a text is no device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InvalidDevice {
    /// More than three parts.
    Form,
    /// One of the paths.
    Path(InvalidPath),
    /// Not below `/dev`.
    Elsewhere,
    /// Letters other than `r`, `w` and `m`, or none.
    Access,
}

impl fmt::Display for InvalidDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form => f.write_str("not a device: expected /dev/NAME, /dev/NAME:PATH or /dev/NAME:PATH:rwm"),
            Self::Path(fault) => fault.fmt(f),
            Self::Elsewhere => f.write_str("not a device: expected a path below /dev"),
            Self::Access => f.write_str("not the access to a device: expected some of r, w and m, each once"),
        }
    }
}

impl std::error::Error for InvalidDevice {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_of_engines() {
        for (text, meant) in [
            ("/dev/fuse", "/dev/fuse:/dev/fuse:rwm"),
            ("/dev/fuse:/dev/other", "/dev/fuse:/dev/other:rwm"),
            ("/dev/fuse:wr", "/dev/fuse:/dev/fuse:rw"),
            ("/dev/fuse:/dev/other:r", "/dev/fuse:/dev/other:r"),
        ] {
            assert_eq!(text.parse::<Device>().expect(text).to_string(), meant);
        }
        for (text, fault) in [
            ("fuse", InvalidDevice::Path(InvalidPath::Relative)),
            ("/etc/shadow", InvalidDevice::Elsewhere),
            ("/dev/../etc/shadow", InvalidDevice::Path(InvalidPath::Crooked)),
            ("/dev", InvalidDevice::Elsewhere),
            ("/dev/fuse:x", InvalidDevice::Access),
            ("/dev/fuse:", InvalidDevice::Access),
            ("/dev/fuse:rr", InvalidDevice::Access),
            ("/dev/fuse:/dev/fuse:rwm:x", InvalidDevice::Form),
        ] {
            assert_eq!(text.parse::<Device>(), Err(fault), "{text}");
        }
    }
}
