//! Paths of the host and of containers.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

/// A path in a container: absolute, and the place that it says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContainerPath(String);

/// A path of the host: absolute, and the place that it says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostPath(String);

/// The path of a file in a container: absolute, and the place that it says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FilePath(String);

impl FilePath {
    /// The path without a `/` at its end, unless it is the root.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl ContainerPath {
    /// The path without a `/` at its end.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl HostPath {
    /// The path without a `/` at its end.
    pub fn as_path(&self) -> &Path {
        Path::new(&self.0)
    }

    /// The path without a `/` at its end.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ContainerPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for HostPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ContainerPath {
    type Err = InvalidPath;

    fn from_str(text: &str) -> Result<Self, InvalidPath> {
        let path = checked(text)?;
        // Whatever is mounted there hides the image.
        if path == "/" {
            return Err(InvalidPath::Root);
        }
        Ok(Self(path.to_owned()))
    }
}

impl FromStr for HostPath {
    type Err = InvalidPath;

    fn from_str(text: &str) -> Result<Self, InvalidPath> {
        checked(text).map(|path| Self(path.to_owned()))
    }
}

impl FromStr for FilePath {
    type Err = InvalidPath;

    fn from_str(text: &str) -> Result<Self, InvalidPath> {
        straight(text).map(|path| Self(path.to_owned()))
    }
}

/// The longest path, in bytes: Linux's `PATH_MAX` with its NUL.
const MOST: usize = 4095;

/// One that can be mounted.
fn checked(text: &str) -> Result<&str, InvalidPath> {
    let path = straight(text)?;
    if text.contains([':', ',', '"', '\\']) {
        return Err(InvalidPath::Separator);
    }
    Ok(path)
}

fn straight(text: &str) -> Result<&str, InvalidPath> {
    if !text.starts_with('/') {
        return Err(InvalidPath::Relative);
    }
    if text.len() > MOST {
        return Err(InvalidPath::TooLong { bytes: text.len() });
    }
    if text.contains(char::is_control) {
        return Err(InvalidPath::Control);
    }
    let path = text.strip_suffix('/').filter(|path| !path.is_empty()).unwrap_or(text);
    if text != "/" && path.split('/').skip(1).any(|part| part.is_empty() || part == "." || part == "..") {
        return Err(InvalidPath::Crooked);
    }
    Ok(path)
}

/// Why a text is no such path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InvalidPath {
    /// It doesn't begin with `/`.
    Relative,
    /// More than Linux takes.
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// A control character, such as NUL or a newline.
    Control,
    /// A character that ends a path in the options of engines.
    Separator,
    /// A part that is empty, `.` or `..`.
    Crooked,
    /// The container's root.
    Root,
}

impl fmt::Display for InvalidPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Relative => f.write_str("not an absolute path: begin it with /"),
            Self::TooLong { bytes } => write!(f, "the path has {bytes} bytes: Linux takes at most {MOST}"),
            Self::Control => f.write_str("the path has a control character: remove it"),
            Self::Separator => {
                f.write_str("the path has a :, a comma, a \" or a \\, which engines can't take in a mount: rename it")
            }
            Self::Crooked => f.write_str("the path has a part that is empty, . or ..: write it straight"),
            Self::Root => f.write_str("nothing can be mounted over the container's root: name a folder below /"),
        }
    }
}

impl std::error::Error for InvalidPath {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_says_where_it_leads() {
        for (text, path) in [("/a", "/a"), ("/a/b/", "/a/b"), ("/a b/ü..x", "/a b/ü..x")] {
            assert_eq!(text.parse::<ContainerPath>().expect(text).as_str(), path);
            assert_eq!(text.parse::<HostPath>().expect(text).as_str(), path);
        }
        assert_eq!("/".parse::<HostPath>().expect("the root").as_str(), "/");
        assert_eq!("/a: b,c/".parse::<FilePath>().expect("a file").as_str(), "/a: b,c");
        assert_eq!("/".parse::<ContainerPath>(), Err(InvalidPath::Root));
    }

    #[test]
    fn what_would_lead_elsewhere_is_refused() {
        for (text, fault) in [
            ("", InvalidPath::Relative),
            ("a", InvalidPath::Relative),
            ("~/a", InvalidPath::Relative),
            ("/a\0", InvalidPath::Control),
            ("/a\n", InvalidPath::Control),
            ("/a:ro", InvalidPath::Separator),
            ("/a,readonly", InvalidPath::Separator),
            ("//", InvalidPath::Crooked),
            ("/a//b", InvalidPath::Crooked),
            ("/a/./b", InvalidPath::Crooked),
            ("/a/..", InvalidPath::Crooked),
            ("/..", InvalidPath::Crooked),
        ] {
            assert_eq!(text.parse::<HostPath>(), Err(fault), "{text:?}");
        }
        assert_eq!(format!("/{}", "a".repeat(4095)).parse::<HostPath>(), Err(InvalidPath::TooLong { bytes: 4096 }));
    }
}
