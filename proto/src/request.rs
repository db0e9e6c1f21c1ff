//! What a container may ask for: annotations under `ampoule.dev/` and environment values `ampoule://…`.
//!
//! [`parse`] is the grammar of variables, [`parse_files`] that of files; whoever starts a container needs both. They do no
//! I/O and keep nothing: the shim, the command line and the fuzzers call them with what stands in an OCI specification
//! (`annotations` and `process.env` of runtime-spec 1.0.2, config.md).
//!
//! Nothing is skipped silently: a container that would start without what it asked for must not start at all.

mod container;
mod error;
mod file;
pub mod json;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use crate::id::{EnvName, InvalidId, InvalidVersion, ObjectId, Version, excerpt};

pub use container::CONTAINER_FIELDS;
pub use error::{Fault, RequestError};
pub use file::{FILES, FileName, FilePath, FileRequest, InvalidFileName, InvalidFilePath, parse_files};

/// What the keys of our annotations begin with.
pub const ANNOTATION_PREFIX: &str = "ampoule.dev/";
/// The annotation that holds a JSON list of `EnvironmentVariable`.
pub const ENV_VARS: &str = "ampoule.dev/env-vars";
/// The annotation that holds a whole `ContainerRequest` as JSON.
pub const CONTAINER_REQUEST: &str = "ampoule.dev/container-request";
/// What an annotation's key begins with that asks for one variable.
pub const ENV_PREFIX: &str = "ampoule.dev/env.";
/// What an annotation's key begins with that asks for a file.
pub const FILE_PREFIX: &str = "ampoule.dev/file.";
/// What an environment value begins with that is a reference.
pub const SCHEME: &str = "ampoule://";
/// How many variables, and how many files, one container may ask for; `ampoule.v1.ResolveRequest` takes no more
/// references.
pub const MOST: usize = 1024;

/// One variable that a container asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The variable.
    pub name: VariableName,
    /// Where its value comes from.
    pub source: Source,
}

/// Where the value of a variable comes from.
#[derive(Clone, PartialEq, Eq)]
pub enum Source {
    /// The request itself carries the value.
    Literal(String),
    /// The vault holds the value.
    Secret(Reference),
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // Somebody will put a password here; it must not reach a log through us.
            Self::Literal(_) => f.write_str("Literal(…)"),
            Self::Secret(reference) => write!(f, "Secret({reference})"),
        }
    }
}

/// A secret, and its version if the request pins one: `sec_…` or `sec_…@VERSION`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reference {
    /// The secret.
    pub object: ObjectId,
    /// The pinned version; the current one if there is none.
    pub version: Option<Version>,
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.object.fmt(f)?;
        self.version.map_or(Ok(()), |version| write!(f, "@{version}"))
    }
}

impl FromStr for Reference {
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Self, InvalidReference> {
        let (object, version) = text.split_once('@').map_or((text, None), |(object, version)| (object, Some(version)));
        Ok(Self { object: object.parse()?, version: version.map(str::parse).transpose()? })
    }
}

/// Why a text is no [`Reference`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InvalidReference {
    /// What stands before the `@`, or everything.
    Id(InvalidId),
    /// What stands after the `@`.
    Version(InvalidVersion),
}

impl fmt::Display for InvalidReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(fault) => fault.fmt(f),
            Self::Version(fault) => fault.fmt(f),
        }
    }
}

impl std::error::Error for InvalidReference {}

impl From<InvalidId> for InvalidReference {
    fn from(fault: InvalidId) -> Self {
        Self::Id(fault)
    }
}

impl From<InvalidVersion> for InvalidReference {
    fn from(fault: InvalidVersion) -> Self {
        Self::Version(fault)
    }
}

/// The name of a variable that a container asked for: not empty, no `=`, no NUL.
///
/// Wider than [`EnvName`]: a reference that stands in the environment list may have any name that an image can give.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct VariableName(String);

impl VariableName {
    /// The name as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn of_entry(name: &str) -> Option<Self> {
        (!name.is_empty() && !name.contains('\0')).then(|| Self(name.to_owned()))
    }
}

impl fmt::Display for VariableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.escape_debug().fmt(f)
    }
}

impl From<EnvName> for VariableName {
    fn from(name: EnvName) -> Self {
        Self(name.as_str().to_owned())
    }
}

/// Every variable that a container asks for, in the order of the specification: first the references in its environment
/// list, then its annotations. Empty if it asks for none; files are for [`parse_files`].
///
/// ```
/// use ampoule_proto::request::parse;
///
/// let asked = parse([("ampoule.dev/env.TOKEN", "sec_abc")], ["PATH=/bin", "URL=ampoule://sec_def@2"]).unwrap();
/// let names: Vec<_> = asked.iter().map(|request| request.name.as_str()).collect();
/// assert_eq!(names, ["URL", "TOKEN"]);
/// ```
pub fn parse<'a>(
    annotations: impl IntoIterator<Item = (&'a str, &'a str)>,
    env: impl IntoIterator<Item = &'a str>,
) -> Result<Vec<Request>, RequestError> {
    let mut asked = Asked::default();
    for (index, entry) in env.into_iter().enumerate() {
        asked.env_entry(index, entry)?;
    }
    for (key, value) in annotations {
        asked.annotation(key, value)?;
    }
    Ok(asked.requests)
}

/// The variables of one `ContainerRequest` in JSON: its `environment`, then its `env_vars`.
pub fn parse_container_request(json: &str) -> Result<Vec<Request>, RequestError> {
    parse([(CONTAINER_REQUEST, json)], [])
}

/// What was asked for so far.
#[derive(Default)]
struct Asked {
    requests: Vec<Request>,
    /// Where each variable was asked for first.
    places: HashMap<VariableName, String>,
}

impl Asked {
    fn env_entry(&mut self, index: usize, entry: &str) -> Result<(), RequestError> {
        let Some((name, value)) = entry.split_once('=') else { return Ok(()) };
        if !value.starts_with(SCHEME) {
            return Ok(());
        }
        let place = format!("process.env[{index}]");
        let Some(name) = VariableName::of_entry(name) else { return Err(Fault::NamelessReference.at(place)) };
        let place = format!("{place} ({name})");
        let source = source_of_value(value).map_err(|fault| fault.at(&place))?;
        self.add(place, name, source)
    }

    fn annotation(&mut self, key: &str, value: &str) -> Result<(), RequestError> {
        let Some(tail) = key.strip_prefix(ANNOTATION_PREFIX) else { return Ok(()) };
        if key == ENV_VARS {
            return container::variables(self, &json::root(key, value)?);
        }
        if key == CONTAINER_REQUEST {
            return container::request(self, &json::root(key, value)?);
        }
        if let Some(name) = key.strip_prefix(ENV_PREFIX) {
            let shown = || format!("{ENV_PREFIX}{}", excerpt(name));
            let name: EnvName = name.parse().map_err(|fault| Fault::Name(fault).at(shown()))?;
            let reference = value.parse().map_err(|fault| Fault::Reference(fault).at(key))?;
            return self.add(key.to_owned(), name.into(), Source::Secret(reference));
        }
        if key.starts_with(FILE_PREFIX) {
            return Ok(());
        }
        Err(Fault::UnknownAnnotation.at(format!("{ANNOTATION_PREFIX}{}", excerpt(tail))))
    }

    fn add(&mut self, place: String, name: VariableName, source: Source) -> Result<(), RequestError> {
        if let Some(first) = self.places.get(&name) {
            return Err(Fault::RepeatedVariable { name, first: first.clone() }.at(place));
        }
        if self.requests.len() == MOST {
            return Err(Fault::TooMany.at(place));
        }
        self.places.insert(name.clone(), place);
        self.requests.push(Request { name, source });
        Ok(())
    }
}

/// A value as a container gets it, or the reference that it spells.
fn source_of_value(value: &str) -> Result<Source, Fault> {
    if let Some(reference) = value.strip_prefix(SCHEME) {
        return reference.parse().map(Source::Secret).map_err(Fault::Reference);
    }
    if value.contains('\0') {
        return Err(Fault::Nul);
    }
    Ok(Source::Literal(value.to_owned()))
}
