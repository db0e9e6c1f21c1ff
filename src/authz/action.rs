//! What can be done, under the names that grants and the audit log use.

use super::ResourceType;

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
    /// Put a value into a process that starts in a container that runs. Who may [`Inject`](Self::Inject) may do it: no
    /// grant names it.
    InjectExec,
    /// Read the audit log.
    ListAudit,
    /// Make a token.
    CreateToken,
    /// Read the metadata of tokens.
    ListTokens,
    /// End a token.
    RevokeToken,
    /// Start an instance.
    CreateInstance,
    /// Read an instance's state and what its containers print.
    DescribeInstance,
    /// Read the state of many.
    ListInstances,
    /// Change how long an instance lives, or whether it runs.
    UpdateInstance,
    /// Run a command in an instance, and read or write its files.
    ExecInstance,
    /// End an instance.
    DestroyInstance,
    /// Show a token, to be taken for its holder. Nobody needs a grant for it, and none can name it.
    Authenticate,
}

impl Action {
    /// Every action that a grant can name.
    pub const ALL: [Self; 17] = [
        Self::Create,
        Self::Update,
        Self::Describe,
        Self::Reveal,
        Self::List,
        Self::Delete,
        Self::Inject,
        Self::ListAudit,
        Self::CreateToken,
        Self::ListTokens,
        Self::RevokeToken,
        Self::CreateInstance,
        Self::DescribeInstance,
        Self::ListInstances,
        Self::UpdateInstance,
        Self::ExecInstance,
        Self::DestroyInstance,
    ];

    /// What it is done to.
    pub fn resource_type(self) -> ResourceType {
        match self {
            Self::ListAudit => ResourceType::AuditLog,
            Self::CreateToken | Self::ListTokens | Self::RevokeToken | Self::Authenticate => ResourceType::Token,
            Self::CreateInstance
            | Self::DescribeInstance
            | Self::ListInstances
            | Self::UpdateInstance
            | Self::ExecInstance
            | Self::DestroyInstance => ResourceType::Instance,
            Self::Create
            | Self::Update
            | Self::Describe
            | Self::Reveal
            | Self::List
            | Self::Delete
            | Self::Inject
            | Self::InjectExec => ResourceType::Object,
        }
    }

    /// The name in a grant, beside the resource's type.
    pub fn verb(self) -> &'static str {
        match self {
            Self::Create | Self::CreateToken | Self::CreateInstance => "create",
            Self::Update | Self::UpdateInstance => "update",
            Self::Describe | Self::DescribeInstance => "describe",
            Self::Reveal => "reveal",
            Self::List | Self::ListAudit | Self::ListTokens | Self::ListInstances => "list",
            Self::Delete => "delete",
            Self::Inject => "inject",
            Self::InjectExec => "inject_exec",
            Self::RevokeToken => "revoke",
            Self::ExecInstance => "exec",
            Self::DestroyInstance => "destroy",
            Self::Authenticate => "authenticate",
        }
    }

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
            Self::InjectExec => "vault.object.inject_exec",
            Self::ListAudit => "audit.log.list",
            Self::CreateToken => "iam.token.create",
            Self::ListTokens => "iam.token.list",
            Self::RevokeToken => "iam.token.revoke",
            Self::CreateInstance => "compute.instance.create",
            Self::DescribeInstance => "compute.instance.describe",
            Self::ListInstances => "compute.instance.list",
            Self::UpdateInstance => "compute.instance.update",
            Self::ExecInstance => "compute.instance.exec",
            Self::DestroyInstance => "compute.instance.destroy",
            Self::Authenticate => "iam.token.authenticate",
        }
    }

    /// Whether a secret differs afterwards.
    pub fn mutates(self) -> bool {
        matches!(self, Self::Create | Self::Update | Self::Delete)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_and_the_log_name_an_action_alike() {
        for action in Action::ALL.into_iter().chain([Action::InjectExec, Action::Authenticate]) {
            let name = format!("{}.{}", action.resource_type().as_str().replace('/', "."), action.verb());
            assert_eq!(action.as_str(), name);
        }
    }
}
