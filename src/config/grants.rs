//! The settings' `grants`: which users and groups of the host may do what.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use nix::unistd::{Group, User};
use serde::de::Visitor;
use serde::{Deserialize, Deserializer};
use serde_yaml::Spanned;

use super::ConfigError;
use crate::authz::{InvalidPermission, Permission};

/// What users and groups may do, by their numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    /// By user.
    pub users: BTreeMap<u32, Vec<Permission>>,
    /// By group.
    pub groups: BTreeMap<u32, Vec<Permission>>,
}

/// One item of the list, as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    #[serde(default)]
    users: Vec<Spanned<Account>>,
    #[serde(default)]
    groups: Vec<Spanned<Account>>,
    permissions: Vec<WrittenPermission>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenPermission {
    resource_type: Spanned<String>,
    resource_id: Spanned<String>,
    actions: Spanned<Vec<String>>,
}

/// A user or a group: its number, or its name on this host.
enum Account {
    Number(u32),
    Name(String),
}

impl Grants {
    /// Looks names up and reads permissions; `path` is the file that they were written in.
    pub(super) fn resolve(written: Vec<Written>, path: &Path) -> Result<Self, ConfigError> {
        let mut grants = Self::default();
        for item in written {
            let permissions = item.permissions.iter().map(|permission| permission.parse(path));
            let permissions: Vec<Permission> = permissions.collect::<Result<_, _>>()?;
            for user in &item.users {
                let uid = found(user, user_number(&user.value), path, "user")?;
                grants.users.entry(uid).or_default().extend_from_slice(&permissions);
            }
            for group in &item.groups {
                let gid = found(group, group_number(&group.value), path, "group")?;
                grants.groups.entry(gid).or_default().extend_from_slice(&permissions);
                for uid in members(gid) {
                    grants.users.entry(uid).or_default().extend_from_slice(&permissions);
                }
            }
        }
        Ok(grants)
    }
}

impl WrittenPermission {
    fn parse(&self, path: &Path) -> Result<Permission, ConfigError> {
        let Self { resource_type, resource_id, actions } = self;
        let verbs = actions.value.iter().map(String::as_str);
        Permission::parse(&resource_type.value, &resource_id.value, verbs).map_err(|error| match error {
            InvalidPermission::ResourceType => mistake(path, resource_type, error.to_string()),
            InvalidPermission::ResourceId { .. } => mistake(path, resource_id, error.to_string()),
            InvalidPermission::Action { .. } | InvalidPermission::NoAction => mistake(path, actions, error.to_string()),
        })
    }
}

fn user_number(account: &Account) -> nix::Result<Option<u32>> {
    match account {
        Account::Number(number) => Ok(Some(*number)),
        Account::Name(name) => Ok(User::from_name(name)?.map(|user| user.uid.as_raw())),
    }
}

fn group_number(account: &Account) -> nix::Result<Option<u32>> {
    match account {
        Account::Number(number) => Ok(Some(*number)),
        Account::Name(name) => Ok(Group::from_name(name)?.map(|group| group.gid.as_raw())),
    }
}

/// Who belongs to a group beside their own one: the kernel tells a caller's effective group only.
fn members(gid: u32) -> Vec<u32> {
    let group = Group::from_gid(gid.into()).ok().flatten();
    let names = group.map(|group| group.mem).unwrap_or_default();
    names.iter().filter_map(|name| Some(User::from_name(name).ok()??.uid.as_raw())).collect()
}

fn found(
    account: &Spanned<Account>,
    number: nix::Result<Option<u32>>,
    path: &Path,
    kind: &str,
) -> Result<u32, ConfigError> {
    let reason = match number {
        Ok(Some(number)) => return Ok(number),
        Ok(None) => "this host has none of that name".to_owned(),
        Err(error) => error.to_string(),
    };
    Err(mistake(path, account, format!("{kind} {} is not known: {reason}", account.value)))
}

fn mistake<T>(path: &Path, at: &Spanned<T>, reason: String) -> ConfigError {
    let (line, column) = (at.referenced.line(), at.referenced.column());
    ConfigError::Yaml { path: path.to_owned(), line, column, reason }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Name(name) => write!(f, "\"{name}\""),
        }
    }
}

impl<'de> Deserialize<'de> for Account {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AccountVisitor)
    }
}

struct AccountVisitor;

impl Visitor<'_> for AccountVisitor {
    type Value = Account;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name or a number")
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Account, E> {
        // The highest one means "none" to the kernel.
        let number = u32::try_from(number).ok().filter(|number| *number != u32::MAX);
        number.map(Account::Number).ok_or_else(|| E::custom("no user or group has such a number"))
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Account, E> {
        self.visit_u64(u64::try_from(number).map_err(|_| E::custom("no user or group has such a number"))?)
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Account, E> {
        Ok(Account::Name(name.to_owned()))
    }
}
