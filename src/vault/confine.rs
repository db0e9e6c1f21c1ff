//! Containers that may be given some secrets and no others.
//!
//! The shim asks as root, for whatever a container's environment names. A container that was made for somebody else must
//! not get what that one may not inject: its image may name any secret in its own environment.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use ampoule_proto::request::Reference;

use super::Vault;
use crate::domain::{ObjectId, Version};

/// By the engine's id.
#[derive(Clone, Default)]
pub(super) struct Confined {
    containers: Arc<RwLock<HashMap<String, Vec<Reference>>>>,
}

impl Confined {
    /// Whether a container may be given a secret. One that is not confined may be given what its engine's user may inject.
    pub(super) fn allows(&self, container: &str, object: &ObjectId, version: Option<Version>) -> bool {
        let containers = self.containers.read().unwrap_or_else(PoisonError::into_inner);
        let Some(allowed) = containers.get(container) else { return true };
        allowed
            .iter()
            .any(|reference| reference.object == *object && reference.version.is_none_or(|v| version == Some(v)))
    }
}

impl Vault {
    /// From now on a container may be given these secrets alone.
    pub fn confine(&self, container: &str, allowed: Vec<Reference>) {
        let mut containers = self.confined.containers.write().unwrap_or_else(PoisonError::into_inner);
        containers.insert(container.to_owned(), allowed);
    }

    /// A confined container may be given these too.
    pub fn allow(&self, container: &str, more: Vec<Reference>) {
        let mut containers = self.confined.containers.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(allowed) = containers.get_mut(container) {
            for reference in more {
                if !allowed.contains(&reference) {
                    allowed.push(reference);
                }
            }
        }
    }

    /// A container is gone.
    pub fn release(&self, container: &str) {
        self.confined.containers.write().unwrap_or_else(PoisonError::into_inner).remove(container);
    }
}
