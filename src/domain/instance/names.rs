//! The names of containers and volumes, as engines accept them.

use std::fmt;
use std::str::FromStr;

/// The name of a container in its Instance: letters, digits, `_`, `.` and `-`, beginning with a letter or digit, at most
/// 63 bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContainerName(String);

impl ContainerName {
    /// The longest name, in bytes: that of a host (RFC 1123, section 2.1).
    pub const MOST: usize = 63;

    /// The name as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ContainerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ContainerName {
    type Err = InvalidContainerName;

    fn from_str(text: &str) -> Result<Self, InvalidContainerName> {
        if !is_plain(text, Self::MOST) {
            return Err(InvalidContainerName);
        }
        Ok(Self(text.to_owned()))
    }
}

/// A text that is no container's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidContainerName;

impl fmt::Display for InvalidContainerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "not a container name: expected at most 63 letters, digits, _, . and -, beginning with a letter or digit",
        )
    }
}

impl std::error::Error for InvalidContainerName {}

/// What a volume is known by: letters, digits, `_`, `.` and `-`, beginning with a letter or digit, at most 128 bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VolumeTag(String);

impl VolumeTag {
    /// The longest tag, in bytes.
    pub const MOST: usize = 128;

    /// The tag as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for VolumeTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for VolumeTag {
    type Err = InvalidVolumeTag;

    fn from_str(text: &str) -> Result<Self, InvalidVolumeTag> {
        if !is_plain(text, Self::MOST) {
            return Err(InvalidVolumeTag);
        }
        Ok(Self(text.to_owned()))
    }
}

/// A text that is no volume's tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidVolumeTag;

impl fmt::Display for InvalidVolumeTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "not a volume tag: expected at most 128 letters, digits, _, . and -, beginning with a letter or digit",
        )
    }
}

impl std::error::Error for InvalidVolumeTag {}

/// Whether podman and docker take it for a name: `[a-zA-Z0-9][a-zA-Z0-9_.-]*`.
fn is_plain(text: &str, most: usize) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"_.-".contains(&b);
    text.len() <= most && text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_engines_accept() {
        for text in ["web", "0", "A_b.c-d"] {
            assert!(text.parse::<ContainerName>().is_ok() && text.parse::<VolumeTag>().is_ok(), "{text:?}");
        }
        for text in ["", "-web", ".web", "_web", "a b", "a/b", "a\n", "ä"] {
            assert!(text.parse::<ContainerName>().is_err() && text.parse::<VolumeTag>().is_err(), "{text:?}");
        }
        assert!("a".repeat(63).parse::<ContainerName>().is_ok());
        assert!("a".repeat(64).parse::<ContainerName>().is_err());
        assert!("a".repeat(129).parse::<VolumeTag>().is_err());
    }
}
