//! The container that values are for.

use std::fmt;

/// What the shim knows of the container that is about to be created: recorded, never trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Container {
    /// The OCI container id.
    pub id: String,
    /// The absolute path of the OCI bundle.
    pub bundle: String,
    /// podman, docker or containerd, if known.
    pub engine: String,
    /// The image reference, if known.
    pub image: String,
    /// The process that becomes the runtime.
    pub pid: i32,
    /// The absolute path of the OCI runtime.
    pub runtime: String,
}

impl Container {
    /// The longest text of a field, in bytes: Linux's `PATH_MAX`.
    const MOST: usize = 4096;

    /// Refuses what would bloat the log for ever.
    pub fn check(&self) -> Result<(), InvalidContainer> {
        let fields = [
            ("id", &self.id),
            ("bundle", &self.bundle),
            ("engine", &self.engine),
            ("image", &self.image),
            ("runtime", &self.runtime),
        ];
        match fields.into_iter().find(|(_, text)| text.len() > Self::MOST) {
            Some((field, text)) => Err(InvalidContainer { field, bytes: text.len() }),
            None => Ok(()),
        }
    }
}

/// A field of a container's descriptor is too long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidContainer {
    field: &'static str,
    bytes: usize,
}

impl fmt::Display for InvalidContainer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "container.{} has {} bytes: at most {} are allowed", self.field, self.bytes, Container::MOST)
    }
}

impl std::error::Error for InvalidContainer {}
