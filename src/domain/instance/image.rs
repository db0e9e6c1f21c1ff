//! References to images, in the grammar of registries (github.com/distribution/reference).

use std::fmt;
use std::str::FromStr;

/// A reference to an image: `[HOST[:PORT]/]PATH[:TAG][@DIGEST]`.
///
/// Stricter than what podman takes, which would read an image out of any folder of the host for `dir:/…` and the like.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ImageRef(String);

impl ImageRef {
    /// The longest reference, in bytes.
    pub const MOST: usize = 512;

    /// The reference as it is written. It does not begin with `-`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ImageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ImageRef {
    type Err = InvalidImageRef;

    fn from_str(text: &str) -> Result<Self, InvalidImageRef> {
        if text.len() > Self::MOST {
            return Err(InvalidImageRef::TooLong { bytes: text.len() });
        }
        let (named, digest) = text.split_once('@').map_or((text, None), |(named, digest)| (named, Some(digest)));
        if digest.is_some_and(|digest| !is_digest(digest)) {
            return Err(InvalidImageRef::Digest);
        }
        // A colon before the last slash is that of a port.
        let (path, tag) = match named.rsplit_once(':') {
            Some((path, tag)) if !tag.contains('/') => (path, Some(tag)),
            _ => (named, None),
        };
        if tag.is_some_and(|tag| !is_tag(tag)) {
            return Err(InvalidImageRef::Tag);
        }
        let path = path.split_once('/').filter(|(host, _)| is_host(host)).map_or(path, |(_, path)| path);
        if path.split('/').all(is_component) {
            return Ok(Self(text.to_owned()));
        }
        let lower = path.to_ascii_lowercase();
        Err(if lower.split('/').all(is_component) { InvalidImageRef::UpperCase } else { InvalidImageRef::Path })
    }
}

/// What engines take for a registry: a name with a dot or a port, `localhost`, or one that no path could have.
fn is_host(text: &str) -> bool {
    let (name, port) = text.split_once(':').map_or((text, None), |(name, port)| (name, Some(port)));
    let label = |label: &str| {
        let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        !label.is_empty() && label.bytes().all(fits) && !label.starts_with('-') && !label.ends_with('-')
    };
    let is_port = |port: &str| (1..=5).contains(&port.len()) && port.bytes().all(|b| b.is_ascii_digit());
    let is_meant = port.is_some() || name.contains('.') || name == "localhost";
    is_meant && name.split('.').all(label) && port.is_none_or(is_port)
}

/// Lower-case letters and digits, with `.`, `_`, `__` or dashes between them.
fn is_component(text: &str) -> bool {
    let is_inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let ends = text.bytes().next().is_some_and(is_inner) && text.bytes().last().is_some_and(is_inner);
    let between = text.split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    ends && between
        .into_iter()
        .all(|between| ["", ".", "_", "__"].contains(&between) || between.bytes().all(|b| b == b'-'))
}

fn is_tag(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"_.-".contains(&b);
    (1..=128).contains(&text.len()) && !text.starts_with(['.', '-']) && text.bytes().all(fits)
}

fn is_digest(text: &str) -> bool {
    let length = |algorithm: &str| match algorithm {
        "sha256" => Some(64),
        "sha512" => Some(128),
        _ => None,
    };
    let is_hex = |hex: &str| hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    text.split_once(':').is_some_and(|(algorithm, hex)| length(algorithm) == Some(hex.len()) && is_hex(hex))
}

/// Why a text is no reference to an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InvalidImageRef {
    /// More than [`ImageRef::MOST`].
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// What stands after the `@`.
    Digest,
    /// What stands after the `:`.
    Tag,
    /// Upper-case letters in the path.
    UpperCase,
    /// Anything else.
    Path,
}

impl fmt::Display for InvalidImageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { bytes } => {
                write!(f, "the image reference has {bytes} bytes: at most {} are allowed", ImageRef::MOST)
            }
            Self::Digest => f.write_str("not an image digest after the @: expected sha256: and 64 hexadecimal digits"),
            Self::Tag => f.write_str(
                "not an image tag after the last colon: expected at most 128 letters, digits, _, . and -, \
                 not beginning with . or -",
            ),
            Self::UpperCase => f.write_str("image names have no upper-case letters: write it in lower case"),
            Self::Path => f.write_str(
                "not an image reference: expected a name such as docker.io/library/nginx:1.27, \
                 without a transport such as docker:// before it",
            ),
        }
    }
}

impl std::error::Error for InvalidImageRef {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_and_without_registry_tag_and_digest() {
        let digest = format!("alpine@sha256:{}", "0".repeat(64));
        for text in [
            "busybox",
            "localhost/ampoule-demo:latest",
            "docker.io/library/nginx:1.27",
            "localhost:5000/a/b",
            "registry.example.com:5000/team/app:v1.2-rc_3",
            "GHCR.io/team/app",
            "a__b/c.d/e---f",
            "9f8a3c",
            &digest,
            &digest.replace('@', ":3@"),
        ] {
            assert!(text.parse::<ImageRef>().is_ok(), "{text}");
        }
    }

    #[test]
    fn what_an_engine_would_take_for_something_else() {
        for (text, fault) in [
            ("", InvalidImageRef::Path),
            ("-v", InvalidImageRef::Path),
            ("--privileged", InvalidImageRef::Path),
            ("a b", InvalidImageRef::Path),
            ("a\n", InvalidImageRef::Path),
            ("docker://busybox", InvalidImageRef::Path),
            ("dir:/etc", InvalidImageRef::Path),
            ("oci-archive:/etc/shadow", InvalidImageRef::Path),
            ("/etc", InvalidImageRef::Path),
            ("a/../b", InvalidImageRef::Path),
            ("nginx:", InvalidImageRef::Tag),
            ("nginx:-x", InvalidImageRef::Tag),
            ("nginx:a b", InvalidImageRef::Tag),
            ("nginx@sha256:abc", InvalidImageRef::Digest),
            ("NGINX", InvalidImageRef::UpperCase),
            ("docker.io/Team/app", InvalidImageRef::UpperCase),
        ] {
            assert_eq!(text.parse::<ImageRef>(), Err(fault), "{text:?}");
        }
        assert_eq!("a".repeat(513).parse::<ImageRef>(), Err(InvalidImageRef::TooLong { bytes: 513 }));
    }
}
