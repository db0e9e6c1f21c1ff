//! What a grant says: the contract's `Permission`.

use std::fmt;

use super::Action;
use crate::domain::{InstanceId, Label, Labels, ObjectId, TokenId};

/// What can be done to some resources of one type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permission {
    resource_type: ResourceType,
    selector: Selector,
    actions: Vec<Action>,
}

/// A kind of resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResourceType {
    /// Secrets.
    Object,
    /// The audit log, of which there is one.
    AuditLog,
    /// Tokens.
    Token,
    /// Instances.
    Instance,
}

/// Which resources of a type.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Selector {
    All,
    Id(String),
    Label(Label),
}

/// What somebody wants to do something to.
#[derive(Clone, Copy, Debug)]
pub enum Resource<'a> {
    /// A secret that is there, or that is named at least; then it has no labels.
    Object(&'a ObjectId, Option<&'a Labels>),
    /// A secret that is not there yet.
    NewObject(&'a Labels),
    /// A token that is there, or that is named at least.
    Token(&'a TokenId),
    /// An instance that is there, or that is named at least; then it has no labels.
    Instance(&'a InstanceId, Option<&'a Labels>),
    /// An instance that is not there yet.
    NewInstance(&'a Labels),
    /// Whichever resources of the action's type may be met: a list is cut to these afterwards.
    Some,
    /// All of the action's type together, or a new one that nothing is known of.
    All,
}

impl ResourceType {
    /// Every type.
    pub const ALL: [Self; 4] = [Self::Object, Self::AuditLog, Self::Token, Self::Instance];

    /// The name in a grant.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Object => "vault/object",
            Self::AuditLog => "audit/log",
            Self::Token => "iam/token",
            Self::Instance => "compute/instance",
        }
    }

    /// What can be done to it.
    pub fn actions(self) -> impl Iterator<Item = Action> {
        Action::ALL.into_iter().filter(move |action| action.resource_type() == self)
    }
}

impl Permission {
    /// Reads one. `*` as the only action means all of them.
    pub fn parse<'a>(
        resource_type: &str,
        resource_id: &str,
        actions: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, InvalidPermission> {
        let known = ResourceType::ALL.into_iter().find(|known| known.as_str() == resource_type);
        let resource_type = known.ok_or(InvalidPermission::ResourceType)?;
        let selector = Selector::parse(resource_type, resource_id)?;
        let mut found = Vec::new();
        for verb in actions {
            let before = found.len();
            found.extend(resource_type.actions().filter(|action| verb == "*" || action.verb() == verb));
            if found.len() == before {
                return Err(InvalidPermission::Action { resource_type });
            }
        }
        if found.is_empty() {
            return Err(InvalidPermission::NoAction);
        }
        Ok(Self { resource_type, selector, actions: found })
    }

    /// The resource's type.
    pub fn resource_type(&self) -> ResourceType {
        self.resource_type
    }

    /// The resources, as they are written: an id, `*`, or `label:name=value`.
    pub fn resource_id(&self) -> String {
        self.selector.to_string()
    }

    /// The actions, as they are written.
    pub fn verbs(&self) -> impl Iterator<Item = &'static str> {
        self.actions.iter().map(|action| action.verb())
    }

    /// Whether it allows this.
    pub(super) fn allows(&self, action: Action, resource: Resource<'_>) -> bool {
        self.actions.contains(&action) && self.selector.selects(resource)
    }

    /// Whether it allows everything that another one does.
    pub(super) fn includes(&self, action: Action, of: &Self) -> bool {
        let wider = self.selector == Selector::All || self.selector == of.selector;
        wider && self.actions.contains(&action)
    }

    /// The actions.
    pub(super) fn actions(&self) -> &[Action] {
        &self.actions
    }
}

impl Selector {
    fn parse(resource_type: ResourceType, text: &str) -> Result<Self, InvalidPermission> {
        if text == "*" {
            return Ok(Self::All);
        }
        let wrong = || InvalidPermission::ResourceId { resource_type };
        match (resource_type, text.strip_prefix("label:")) {
            (ResourceType::Instance, None) => {
                text.parse::<InstanceId>().map(|id| Self::Id(id.to_string())).map_err(|_| wrong())
            }
            (ResourceType::Object | ResourceType::Instance, Some(label)) => {
                label.parse().map(Self::Label).map_err(|_| wrong())
            }
            (ResourceType::Object, None) => {
                text.parse::<ObjectId>().map(|id| Self::Id(id.to_string())).map_err(|_| wrong())
            }
            (ResourceType::Token, None) => {
                text.parse::<TokenId>().map(|id| Self::Id(id.to_string())).map_err(|_| wrong())
            }
            _ => Err(wrong()),
        }
    }

    fn selects(&self, resource: Resource<'_>) -> bool {
        let carries = |label: &Label, labels: &Labels| labels.get(label.name()) == Some(label.value());
        match (self, resource) {
            (Self::All, _) | (_, Resource::Some) => true,
            (Self::Id(id), Resource::Object(object, _)) => id == object.as_str(),
            (Self::Id(id), Resource::Token(token)) => id == token.as_str(),
            (Self::Id(id), Resource::Instance(instance, _)) => id == instance.as_str(),
            (Self::Label(label), Resource::Object(_, labels) | Resource::Instance(_, labels)) => {
                labels.is_some_and(|labels| carries(label, labels))
            }
            (Self::Label(label), Resource::NewObject(labels) | Resource::NewInstance(labels)) => carries(label, labels),
            _ => false,
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("*"),
            Self::Id(id) => f.write_str(id),
            Self::Label(label) => write!(f, "label:{}={}", label.name(), label.value()),
        }
    }
}

impl fmt::Display for Permission {
    /// The type, the resources and the actions, as the command line takes them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verbs: Vec<&str> = self.verbs().collect();
        write!(f, "{}:{}:{}", self.resource_type.as_str(), self.selector, verbs.join(","))
    }
}

/// Why a grant makes no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidPermission {
    /// There is no such type of resource.
    ResourceType,
    /// The type has no such resources.
    ResourceId {
        /// The type.
        resource_type: ResourceType,
    },
    /// Nothing of that name can be done to the type.
    Action {
        /// The type.
        resource_type: ResourceType,
    },
    /// It would allow nothing.
    NoAction,
}

impl fmt::Display for InvalidPermission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ResourceType => {
                let names = ResourceType::ALL.map(ResourceType::as_str).join(", ");
                write!(f, "resource_type is not known: expected one of {names}")
            }
            Self::ResourceId { resource_type: ResourceType::Object } => {
                f.write_str("resource_id selects no secret: expected sec_…, label:name=value or *")
            }
            Self::ResourceId { resource_type: ResourceType::AuditLog } => {
                f.write_str("resource_id selects no log: there is one, written *")
            }
            Self::ResourceId { resource_type: ResourceType::Token } => {
                f.write_str("resource_id selects no token: expected tok_… or *")
            }
            Self::ResourceId { resource_type: ResourceType::Instance } => {
                f.write_str("resource_id selects no instance: expected inst-…, label:name=value or *")
            }
            Self::Action { resource_type } => {
                let verbs: Vec<&str> = resource_type.actions().map(Action::verb).collect();
                write!(f, "actions: expected {} or *, for {}", verbs.join(", "), resource_type.as_str())
            }
            Self::NoAction => f.write_str("actions is empty: name at least one"),
        }
    }
}

impl std::error::Error for InvalidPermission {}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(resource_type: &str, resource_id: &str, actions: &[&str]) -> Result<Permission, InvalidPermission> {
        Permission::parse(resource_type, resource_id, actions.iter().copied())
    }

    #[test]
    fn written_and_read_back() {
        for (kind, id, verbs) in [
            ("vault/object", "*", "describe inject"),
            ("vault/object", "sec_abc", "reveal"),
            ("vault/object", "label:env=prod", "create update"),
            ("audit/log", "*", "list"),
            ("iam/token", "tok_abc", "revoke"),
        ] {
            let permission = parse(kind, id, &verbs.split(' ').collect::<Vec<_>>()).expect("parses");
            assert_eq!(permission.resource_type().as_str(), kind);
            assert_eq!(permission.resource_id(), id);
            assert_eq!(permission.verbs().collect::<Vec<_>>().join(" "), verbs);
        }
        assert_eq!(parse("audit/log", "*", &["*"]), parse("audit/log", "*", &["list"]));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (kind, id, verbs) in [
            ("vault/objects", "*", &["list"][..]),
            ("", "*", &["list"]),
            ("vault/object", "", &["list"]),
            ("vault/object", "sec_A", &["list"]),
            ("vault/object", "tok_a", &["list"]),
            ("vault/object", "label:env", &["list"]),
            ("audit/log", "label:env=prod", &["list"]),
            ("audit/log", "sec_a", &["list"]),
            ("iam/token", "label:env=prod", &["list"]),
            ("vault/object", "*", &["revoke"]),
            ("vault/object", "*", &["list", "List"]),
            ("vault/object", "*", &[]),
        ] {
            assert!(parse(kind, id, verbs).is_err(), "{kind} {id} {verbs:?}");
        }
    }

    #[test]
    fn selectors_select_what_they_name() {
        let id: ObjectId = "sec_abc".parse().expect("an id");
        let other: ObjectId = "sec_abcd".parse().expect("an id");
        let labels = Labels::new(vec!["env=prod".parse().expect("a label")]).expect("labels");
        let allows = |id: &str, resource| {
            parse("vault/object", id, &["describe"]).expect("parses").allows(Action::Describe, resource)
        };
        for (selector, resource, expected) in [
            ("*", Resource::Object(&id, None), true),
            ("*", Resource::NewObject(&labels), true),
            ("*", Resource::All, true),
            ("sec_abc", Resource::Object(&id, None), true),
            ("sec_abc", Resource::Object(&other, Some(&labels)), false),
            ("sec_abc", Resource::NewObject(&labels), false),
            ("sec_abc", Resource::All, false),
            ("sec_abc", Resource::Some, true),
            ("label:env=prod", Resource::Object(&id, Some(&labels)), true),
            ("label:env=prod", Resource::Object(&id, None), false),
            ("label:env=dev", Resource::Object(&id, Some(&labels)), false),
            ("label:env=prod", Resource::NewObject(&labels), true),
            ("label:env=prod", Resource::All, false),
        ] {
            assert_eq!(allows(selector, resource), expected, "{selector} {resource:?}");
        }
        let describe = parse("vault/object", "*", &["describe"]).expect("parses");
        assert!(!describe.allows(Action::Reveal, Resource::Object(&id, None)));
    }
}
