//! Capabilities, by the names of capabilities(7).

use std::fmt;
use std::str::FromStr;

/// A capability of Linux.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Capability(caps::Capability);

impl Capability {
    /// Every name that there is, without its prefix.
    pub fn names() -> Vec<String> {
        caps::all().into_iter().map(|capability| capability.to_string().replacen("CAP_", "", 1)).collect()
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Capability {
    type Err = InvalidCapability;

    /// Reads `CAP_NET_ADMIN` and, as engines do, `NET_ADMIN`, in either case.
    fn from_str(text: &str) -> Result<Self, InvalidCapability> {
        let name = text.to_ascii_uppercase();
        if name == "ALL" || name == "CAP_ALL" {
            return Err(InvalidCapability::All);
        }
        let name = if name.starts_with("CAP_") { name } else { format!("CAP_{name}") };
        name.parse().map(Self).map_err(|_| InvalidCapability::Unknown)
    }
}

/// Why a text is no capability.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InvalidCapability {
    /// All of them at once.
    All,
    /// Linux has none of this name.
    Unknown,
}

impl fmt::Display for InvalidCapability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("name the capabilities one by one, or set privileged"),
            Self::Unknown => f.write_str("not a capability of Linux: expected a name such as NET_ADMIN"),
        }
    }
}

impl std::error::Error for InvalidCapability {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefix_may_be_left_out() {
        for text in ["NET_ADMIN", "CAP_NET_ADMIN", "net_admin", "cap_net_admin"] {
            assert_eq!(text.parse::<Capability>().expect(text).to_string(), "CAP_NET_ADMIN");
        }
        for text in ["", "CAP_", "NET-ADMIN", "ADMIN", "NET_ADMIN "] {
            assert_eq!(text.parse::<Capability>(), Err(InvalidCapability::Unknown), "{text:?}");
        }
        assert_eq!("ALL".parse::<Capability>(), Err(InvalidCapability::All));
    }
}
