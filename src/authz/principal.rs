//! A caller with the rights that it has, and the proof that one of them covers an action.

use std::fmt;
use std::sync::Arc;

use super::{Action, Permission, Resource};
use crate::domain::{Caller, Identity};

/// Proof that a caller may do something. Nothing outside this module can make one, and what changes a secret needs one.
pub struct Grant {
    caller: Caller,
    action: Action,
}

impl Grant {
    /// Who may.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// What.
    pub fn action(&self) -> Action {
        self.action
    }
}

/// What somebody may do. Nothing that isn't named is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rights {
    /// Everything.
    All,
    /// What these say together.
    Permitted(Vec<Permission>),
}

impl Rights {
    /// No right at all.
    pub const NONE: Self = Self::Permitted(Vec::new());

    fn allow(&self, action: Action, resource: Resource<'_>) -> bool {
        match self {
            Self::All => true,
            Self::Permitted(permissions) => permissions.iter().any(|permission| permission.allows(action, resource)),
        }
    }

    /// The first action of a permission that these rights don't include for all of its resources.
    pub fn exceeded_by(&self, wanted: &Permission) -> Option<Action> {
        let Self::Permitted(permissions) = self else { return None };
        let included = |action: Action| permissions.iter().any(|permission| permission.includes(action, wanted));
        wanted.actions().iter().copied().find(|action| !included(*action))
    }
}

/// A caller with its rights.
#[derive(Clone, Debug)]
pub struct Principal {
    caller: Caller,
    rights: Arc<Rights>,
}

impl Principal {
    /// A caller with the rights that it was found to have.
    pub fn new(caller: Caller, rights: Arc<Rights>) -> Self {
        Self { caller, rights }
    }

    /// Who it is.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// What it may do.
    pub fn rights(&self) -> &Rights {
        &self.rights
    }

    /// Decides.
    pub fn may(&self, action: Action, resource: Resource<'_>) -> Result<Grant, Denied> {
        if self.rights.allow(action, resource) {
            Ok(Grant { caller: self.caller.clone(), action })
        } else {
            Err(Denied { identity: self.caller.identity.clone(), action })
        }
    }
}

/// The caller may not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    identity: Identity,
    action: Action,
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.identity {
            Identity::Peer(peer) => write!(f, "user {} may not use this vault for that", peer.uid)?,
            Identity::Token { id, .. } => write!(f, "token {id} may not do that")?,
            Identity::Anonymous(_) | Identity::Daemon => f.write_str("nobody known asked for that")?,
        }
        let (kind, verb) = (self.action.resource_type().as_str(), self.action.verb());
        write!(f, ": it needs a grant of {verb} on {kind}")
    }
}

impl std::error::Error for Denied {}

#[cfg(test)]
mod tests {
    use super::*;

    fn permission(id: &str, actions: &[&str]) -> Permission {
        Permission::parse("vault/object", id, actions.iter().copied()).expect("parses")
    }

    #[test]
    fn rights_are_exceeded_by_what_they_do_not_include() {
        let rights = Rights::Permitted(vec![
            permission("label:env=prod", &["describe", "inject"]),
            permission("sec_a", &["reveal"]),
        ]);
        for (wanted, exceeding) in [
            (permission("label:env=prod", &["inject"]), None),
            (permission("label:env=prod", &["inject", "reveal"]), Some(Action::Reveal)),
            (permission("sec_a", &["reveal"]), None),
            (permission("sec_b", &["reveal"]), Some(Action::Reveal)),
            (permission("*", &["inject"]), Some(Action::Inject)),
        ] {
            assert_eq!(rights.exceeded_by(&wanted), exceeding, "{wanted:?}");
            assert_eq!(Rights::All.exceeded_by(&wanted), None);
            assert!(Rights::NONE.exceeded_by(&wanted).is_some());
        }
        let all = Rights::Permitted(vec![permission("*", &["inject"])]);
        assert_eq!(all.exceeded_by(&permission("sec_b", &["inject"])), None);
    }
}
