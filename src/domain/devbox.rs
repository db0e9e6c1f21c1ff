//! What people submit to have a box to work in.

mod read;
mod record;
#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

use super::Reference;
use super::instance::{ImageRef, InvalidImageRef, Variable};

pub use read::{read, read_wire};
pub use record::Devbox;

/// A Devbox as its specification describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DevboxSpec {
    /// What it is called.
    pub name: Naming,
    /// What it is made of.
    pub image: DevboxImage,
    /// How much of the host it may use.
    pub size: Size,
    /// What is cloned into `/workspaces` before anything runs.
    pub repository: Option<Repository>,
    /// Its variables, each name once.
    pub env: Vec<Variable>,
    /// Whether its files go when it stops.
    pub ephemeral: bool,
}

/// How a Devbox comes to its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Naming {
    /// By what is written.
    Name(DevboxName),
    /// By what is written, a `-` and a random end of at most 12 bytes.
    Prefix(DevboxName),
}

/// A Devbox's name: lower-case letters, digits and `-`, beginning and ending with a letter or digit, at most 63 bytes, so
/// that it can be the name of a host.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DevboxName(String);

/// What a Devbox is made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DevboxImage {
    /// The image that the settings call so.
    #[default]
    Default,
    /// An image that the settings have a name for.
    Builtin(String),
    /// Any image.
    Reference(ImageRef),
}

/// How much of the host a Devbox may use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Size {
    /// 4 CPUs, 8 GB.
    S,
    /// 8 CPUs, 16 GB.
    #[default]
    M,
    /// 16 CPUs, 32 GB.
    L,
    /// 32 CPUs, 64 GB.
    XL,
}

/// What is cloned into a Devbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    /// Where from.
    pub url: RepositoryUrl,
    /// The branch, tag or commit; the repository's own choice if nothing is said.
    pub reference: Option<GitRef>,
    /// The secret that holds what the repository's host wants to know.
    pub credentials: Option<Reference>,
}

/// Where git clones from: `https://…`, `http://…`, `ssh://…` or `USER@HOST:PATH`, without a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepositoryUrl(String);

/// The name of a branch, tag or commit, as git-check-ref-format(1) allows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GitRef(String);

impl DevboxName {
    /// The longest name, in bytes: that of a host (RFC 1123, section 2.1).
    pub const MOST: usize = 63;

    /// The name as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DevboxName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for DevboxName {
    type Err = InvalidDevbox;

    fn from_str(text: &str) -> Result<Self, InvalidDevbox> {
        let is_inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let ends = text.bytes().next().is_some_and(is_inner) && text.bytes().last().is_some_and(is_inner);
        if !ends || text.len() > Self::MOST || !text.bytes().all(|b| is_inner(b) || b == b'-') {
            return Err(InvalidDevbox::Name);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for DevboxImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Builtin(name) => write!(f, "builtin:{name}"),
            Self::Reference(image) => image.fmt(f),
        }
    }
}

impl FromStr for DevboxImage {
    type Err = InvalidDevbox;

    /// Reads `default`, `builtin:NAME` or a reference to an image.
    fn from_str(text: &str) -> Result<Self, InvalidDevbox> {
        if text == "default" {
            return Ok(Self::Default);
        }
        if let Some(name) = text.strip_prefix("builtin:") {
            return name
                .parse::<DevboxName>()
                .map(|DevboxName(name)| Self::Builtin(name))
                .map_err(|_| InvalidDevbox::Builtin);
        }
        text.parse().map(Self::Reference).map_err(InvalidDevbox::Image)
    }
}

impl Size {
    /// How many CPUs.
    pub fn virtual_cpu(self) -> u32 {
        match self {
            Self::S => 4,
            Self::M => 8,
            Self::L => 16,
            Self::XL => 32,
        }
    }

    /// How much memory, in MB of 1,048,576 bytes.
    pub fn memory_megabytes(self) -> u32 {
        self.virtual_cpu() * 2 * 1024
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::S => "S",
            Self::M => "M",
            Self::L => "L",
            Self::XL => "XL",
        })
    }
}

impl FromStr for Size {
    type Err = InvalidDevbox;

    /// Reads it in either case.
    fn from_str(text: &str) -> Result<Self, InvalidDevbox> {
        let is_size = |size: &Self| size.to_string().eq_ignore_ascii_case(text);
        [Self::S, Self::M, Self::L, Self::XL].into_iter().find(is_size).ok_or(InvalidDevbox::Size)
    }
}

impl RepositoryUrl {
    /// The text that git takes. It does not begin with `-`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `https://HOST` of a repository that is read by HTTP: what its credentials are for.
    pub fn http_origin(&self) -> Option<String> {
        let (scheme, rest) = self.0.split_once("://").filter(|(scheme, _)| *scheme != "ssh")?;
        rest.split('/').next().map(|host| format!("{scheme}://{host}"))
    }

    /// The name of the folder that git would clone into: the last part of the path, without `.git`.
    pub fn folder(&self) -> &str {
        let path = self.0.trim_end_matches('/');
        let last = path.rsplit(['/', ':']).next().unwrap_or_default();
        last.strip_suffix(".git").unwrap_or(last)
    }
}

impl fmt::Display for RepositoryUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for RepositoryUrl {
    type Err = InvalidDevbox;

    fn from_str(text: &str) -> Result<Self, InvalidDevbox> {
        if text.len() > 2048 || text.starts_with('-') || text.contains(|c: char| c.is_control() || c.is_whitespace()) {
            return Err(InvalidDevbox::Url);
        }
        let path = match text.split_once("://") {
            Some((scheme, rest)) => path_of_url(scheme, rest)?,
            None => path_of_short_form(text)?,
        };
        if path.contains(['?', '#', '\\']) {
            return Err(InvalidDevbox::Url);
        }
        let url = Self(text.to_owned());
        // It becomes a folder below /workspaces.
        let fits = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        let folder = url.folder();
        if folder.is_empty() || folder.starts_with(['.', '-']) || !folder.chars().all(fits) {
            return Err(InvalidDevbox::UrlFolder);
        }
        Ok(url)
    }
}

/// The path of `SCHEME://REST`.
fn path_of_url<'a>(scheme: &str, rest: &'a str) -> Result<&'a str, InvalidDevbox> {
    let (authority, path) = rest.split_once('/').ok_or(InvalidDevbox::Url)?;
    let (user, host) = authority.rsplit_once('@').map_or((None, authority), |(user, host)| (Some(user), host));
    match (scheme, user) {
        ("https" | "http", Some(_)) => return Err(InvalidDevbox::UrlCredentials),
        ("ssh", Some(user)) if user.contains(':') => return Err(InvalidDevbox::UrlCredentials),
        ("ssh", Some(user)) if !is_user(user) => return Err(InvalidDevbox::Url),
        ("https" | "http" | "ssh", _) => {}
        _ => return Err(InvalidDevbox::Url),
    }
    let fits = |b: u8| b.is_ascii_alphanumeric() || b".-:[]".contains(&b);
    // What begins with a dash is an option for ssh.
    if host.is_empty() || host.starts_with('-') || !host.bytes().all(fits) {
        return Err(InvalidDevbox::Url);
    }
    Ok(path)
}

/// The path of `USER@HOST:PATH`.
fn path_of_short_form(text: &str) -> Result<&str, InvalidDevbox> {
    let (authority, path) = text.split_once(':').ok_or(InvalidDevbox::Url)?;
    if path.contains('@') {
        return Err(InvalidDevbox::UrlCredentials);
    }
    let (user, host) = authority.split_once('@').ok_or(InvalidDevbox::Url)?;
    let fits = |b: u8| b.is_ascii_alphanumeric() || b".-".contains(&b);
    let is_host = !host.is_empty() && !host.starts_with('-') && host.bytes().all(fits);
    // `HOST::PATH` is a helper that git runs.
    (is_user(user) && is_host && !path.starts_with([':', '-'])).then_some(path).ok_or(InvalidDevbox::Url)
}

fn is_user(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    !text.is_empty() && !text.starts_with('-') && text.bytes().all(fits)
}

impl GitRef {
    /// The name as it is written. It does not begin with `-`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for GitRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for GitRef {
    type Err = InvalidDevbox;

    fn from_str(text: &str) -> Result<Self, InvalidDevbox> {
        let is_part = |part: &str| {
            let is_lock = part.rsplit_once('.').is_some_and(|(_, end)| end == "lock");
            !part.is_empty() && !part.starts_with('.') && !part.ends_with('.') && !is_lock
        };
        let is_outside = |c: char| c.is_control() || c.is_whitespace() || "~^:?*[\\".contains(c);
        let fits = text.len() <= 255 && !text.starts_with('-') && text != "@" && !text.contains(is_outside);
        if !fits || text.contains("..") || text.contains("@{") || !text.split('/').all(is_part) {
            return Err(InvalidDevbox::Ref);
        }
        Ok(Self(text.to_owned()))
    }
}

/// Why a part of a Devbox's specification can't be used. It repeats nothing of what was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InvalidDevbox {
    /// No [`DevboxName`].
    Name,
    /// No name of an image after `builtin:`.
    Builtin,
    /// No reference to an image.
    Image(InvalidImageRef),
    /// No [`Size`].
    Size,
    /// No [`RepositoryUrl`].
    Url,
    /// The url carries a name and password, or a token.
    UrlCredentials,
    /// The url's path doesn't end in a name that a folder can have.
    UrlFolder,
    /// No [`GitRef`].
    Ref,
}

impl fmt::Display for InvalidDevbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name => f.write_str(
                "not a devbox name: expected at most 63 lower-case letters, digits and -, beginning and ending with a \
                 letter or digit",
            ),
            Self::Builtin => {
                f.write_str("not a built-in image: expected builtin: and lower-case letters, digits and -")
            }
            Self::Image(fault) => write!(f, "{fault}; default and builtin:NAME are images too"),
            Self::Size => f.write_str("not a size: expected S (4 CPUs, 8 GB), M (8, 16), L (16, 32) or XL (32, 64)"),
            Self::Url => {
                f.write_str("not a repository that git can clone: expected https://…, ssh://… or git@HOST:PATH")
            }
            Self::UrlCredentials => f.write_str(
                "the url holds credentials, which would be kept in the clear: store them as a secret and name it in \
                 repository.credentials",
            ),
            Self::UrlFolder => f.write_str(
                "the url's last part becomes a folder below /workspaces: it needs letters, digits, ., _ and - alone",
            ),
            Self::Ref => {
                f.write_str("not a branch, tag or commit that git could have: write it without spaces or ^~:?*[\\")
            }
        }
    }
}

impl std::error::Error for InvalidDevbox {}
