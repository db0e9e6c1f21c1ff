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
    /// What the engine's user calls it, if known.
    pub name: String,
    /// The host that it runs on.
    pub host: String,
}

impl Container {
    /// The longest path of a bundle, in bytes: Linux's `PATH_MAX`.
    const LONGEST_PATH: usize = 4096;
    /// The longest of the other texts: a reference to an image has fewer.
    const LONGEST: usize = ampoule_proto::LONGEST_DESCRIPTION;

    /// Refuses what would bloat the log for ever, and what a reader of the log would take for something else: each
    /// control character is six in JSON.
    pub fn check(&self) -> Result<(), InvalidContainer> {
        let fields = [
            ("id", &self.id, Self::LONGEST),
            ("bundle", &self.bundle, Self::LONGEST_PATH),
            ("engine", &self.engine, Self::LONGEST),
            ("image", &self.image, Self::LONGEST),
            ("runtime", &self.runtime, Self::LONGEST),
            ("name", &self.name, Self::LONGEST),
            ("host", &self.host, Self::LONGEST),
        ];
        for (field, text, most) in fields {
            if text.len() > most {
                return Err(InvalidContainer { field, flaw: Flaw::Length { bytes: text.len(), most } });
            }
            if text.contains(char::is_control) {
                return Err(InvalidContainer { field, flaw: Flaw::Control });
            }
        }
        Ok(())
    }

    /// What an entry says of it if one before it, of the same request, says the rest.
    #[must_use]
    pub fn in_short(&self) -> Self {
        Self { id: self.id.clone(), pid: self.pid, ..Self::default() }
    }
}

/// A field of a container's descriptor breaks its rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidContainer {
    field: &'static str,
    flaw: Flaw,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Flaw {
    Length { bytes: usize, most: usize },
    Control,
}

impl fmt::Display for InvalidContainer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.flaw {
            Flaw::Length { bytes, most } => {
                write!(f, "container.{} has {bytes} bytes: at most {most} are allowed", self.field)
            }
            Flaw::Control => write!(f, "container.{} has a control character", self.field),
        }
    }
}

impl std::error::Error for InvalidContainer {}
