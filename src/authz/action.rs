//! What can be done, under the names that grants and the audit log use.

/// Something that a caller wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Store a new secret.
    Create,
    /// Store a new version.
    Update,
    /// Read metadata.
    Describe,
    /// Read a revealable secret's value.
    Reveal,
    /// Read the metadata of many.
    List,
    /// Destroy a secret's keys.
    Delete,
    /// Put a value into a container.
    Inject,
    /// Read the audit log.
    ReadAudit,
}

impl Action {
    /// The name in the audit log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "vault.object.create",
            Self::Update => "vault.object.update",
            Self::Describe => "vault.object.describe",
            Self::Reveal => "vault.object.reveal",
            Self::List => "vault.object.list",
            Self::Delete => "vault.object.delete",
            Self::Inject => "vault.object.inject",
            Self::ReadAudit => "audit.log.read",
        }
    }

    /// Whether a secret differs afterwards.
    pub fn mutates(self) -> bool {
        matches!(self, Self::Create | Self::Update | Self::Delete)
    }
}
