//! An entry read back from its canonical bytes, as far as it is looked at.

use std::borrow::Cow;

use serde::Deserialize;

use crate::authz::{Action, ResourceType};
use crate::domain::{Timestamp, Version};

/// The parts of an entry that the log is searched by.
#[derive(Debug, Deserialize)]
pub struct View<'a> {
    /// When.
    pub at: Timestamp,
    /// What was asked for, or what happened.
    #[serde(borrow)]
    pub action: Cow<'a, str>,
    /// Who.
    #[serde(borrow)]
    pub actor: ActorView<'a>,
    /// About what.
    #[serde(borrow)]
    pub target: TargetView<'a>,
    /// What became of it, and more.
    #[serde(borrow)]
    pub attributes: AttributesView<'a>,
    /// Which vault.
    #[serde(borrow)]
    pub tenant_id: Cow<'a, str>,
}

/// Who.
#[derive(Debug, Deserialize)]
pub struct ActorView<'a> {
    /// `user`, `token`, `anonymous` or `daemon`.
    #[serde(borrow)]
    pub r#type: Cow<'a, str>,
    /// A process's user.
    pub uid: Option<u32>,
    /// A token's identifier.
    #[serde(borrow)]
    pub id: Option<Cow<'a, str>>,
}

/// About what.
#[derive(Debug, Deserialize)]
pub struct TargetView<'a> {
    /// The kind of resource.
    #[serde(borrow)]
    pub r#type: Cow<'a, str>,
    /// Which one.
    #[serde(borrow)]
    pub id: Option<Cow<'a, str>>,
    /// Which version of it.
    #[serde(borrow)]
    pub version: Option<Cow<'a, str>>,
}

/// What became of it, and more.
#[derive(Debug, Deserialize)]
pub struct AttributesView<'a> {
    /// What became of it.
    #[serde(borrow)]
    pub outcome: Cow<'a, str>,
    /// The container that values were for.
    #[serde(borrow)]
    pub container_id: Option<Cow<'a, str>>,
}

impl<'a> View<'a> {
    /// The entry of these bytes.
    pub fn of(entry: &'a [u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(entry)
    }

    /// The secret or token that it is about.
    pub fn object(&self) -> Option<&str> {
        let kinds = [ResourceType::Object, ResourceType::Token];
        self.target.id.as_deref().filter(|_| kinds.iter().any(|kind| kind.as_str() == self.target.r#type))
    }

    /// The version of it.
    pub fn version(&self) -> Option<Version> {
        self.target.version.as_deref()?.parse().ok()
    }

    /// How it changed its secret or token, in one word.
    pub fn mutation(&self) -> Option<&'static str> {
        let mutations = [
            (Action::Create, "create"),
            (Action::CreateToken, "create"),
            (Action::Update, "update"),
            (Action::Delete, "delete"),
            (Action::RevokeToken, "delete"),
        ];
        let (_, done) = mutations.into_iter().find(|(action, _)| action.as_str() == self.action)?;
        // An order for many has no target: each that it met has an entry of its own.
        (self.attributes.outcome == "ok" && self.object().is_some()).then_some(done)
    }
}
