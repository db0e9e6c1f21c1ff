//! Whose a container's files are (process.user and user namespaces of runtime-spec 1.0.2, config.md and config-linux.md).

use std::fs;
use std::path::Path;

use ampoule_proto::request::json::Text;
use serde_json::value::RawValue;

use super::{Object, Spec, SpecError, read};

/// The user and the group of a container's process, as who starts it sees them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The user.
    pub uid: u32,
    /// The group.
    pub gid: u32,
}

/// So many ids of a user namespace, and what they are outside.
struct Mapping {
    inside: u32,
    outside: u32,
    size: u32,
}

impl Spec<'_> {
    /// The user and the group of the process, mapped if it gets a user namespace.
    pub fn owner(&self) -> Result<Owner, SpecError> {
        let user = self.process.as_ref().map(|process| process.object("user", "process.user")).transpose()?.flatten();
        let id = |name| user.as_ref().map_or(Ok(0), |user| number(user, name));
        let (uid, gid) = (id("uid")?, id("gid")?);
        let linux = self.top.object("linux", "linux")?;
        let Some(linux) = linux else { return Ok(Owner { uid, gid }) };
        let (users, groups) = match user_namespace(&linux)? {
            None => return Ok(Owner { uid, gid }),
            Some(Namespace::New) => (mappings(&linux, "uidMappings")?, mappings(&linux, "gidMappings")?),
            Some(Namespace::Joined(path)) => joined(&path).ok_or(SpecError::Joined { path })?,
        };
        let outside = |mappings: &[Mapping], id| map(mappings, id).ok_or(SpecError::Unmapped { id });
        Ok(Owner { uid: outside(&users, uid)?, gid: outside(&groups, gid)? })
    }

    /// `linux.mountLabel`: what `SELinux` is to call the container's mounts.
    pub fn mount_label(&self) -> Result<Option<String>, SpecError> {
        let Some(linux) = self.top.object("linux", "linux")? else { return Ok(None) };
        let label = linux.member("mountLabel")?.map(|raw| read::<Text<'_>>(raw, "linux.mountLabel", "a string"));
        let label = label.transpose()?.map(|Text(label)| label.into_owned()).filter(|label| !label.is_empty());
        // It stands between quotation marks among a mount's options.
        if label.as_ref().is_some_and(|label| label.contains(|c: char| c == '"' || c.is_control())) {
            return Err(SpecError::Label);
        }
        Ok(label)
    }
}

enum Namespace {
    New,
    /// That of this path.
    Joined(String),
}

fn user_namespace(linux: &Object<'_>) -> Result<Option<Namespace>, SpecError> {
    let Some(list) = linux.member("namespaces")? else { return Ok(None) };
    for raw in read::<Vec<&RawValue>>(list, "linux.namespaces", "a list")? {
        let namespace = Object::read("linux.namespaces", raw)?;
        let text = |name| -> Result<Option<String>, SpecError> {
            let text =
                namespace.member(name)?.map(|raw| read::<Text<'_>>(raw, "linux.namespaces", "a list of objects"));
            Ok(text.transpose()?.map(|Text(text)| text.into_owned()))
        };
        if text("type")?.as_deref() == Some("user") {
            let path = text("path")?.filter(|path| !path.is_empty());
            return Ok(Some(path.map_or(Namespace::New, Namespace::Joined)));
        }
    }
    Ok(None)
}

fn mappings(linux: &Object<'_>, name: &str) -> Result<Vec<Mapping>, SpecError> {
    let Some(list) = linux.member(name)? else { return Ok(Vec::new()) };
    let mapping = |raw| -> Result<Mapping, SpecError> {
        let object = Object::read("linux.uidMappings", raw)?;
        let number = |name| number(&object, name);
        Ok(Mapping { inside: number("containerID")?, outside: number("hostID")?, size: number("size")? })
    };
    read::<Vec<&RawValue>>(list, "linux.uidMappings", "a list")?.into_iter().map(mapping).collect()
}

/// A number, 0 if it is absent.
fn number(object: &Object<'_>, name: &str) -> Result<u32, SpecError> {
    let read = |raw| read(raw, object.path, "an object with numbers of 32 bits");
    object.member(name)?.map_or(Ok(0), read)
}

/// The mappings of users and of groups of a namespace that a process has, as they are seen from here
/// (`user_namespaces(7)`).
fn joined(path: &str) -> Option<(Vec<Mapping>, Vec<Mapping>)> {
    let process = Path::new(path.strip_suffix("/ns/user")?);
    process.strip_prefix("/proc").ok()?.to_str()?.parse::<u32>().ok()?;
    let read = |name: &str| -> Option<Vec<Mapping>> {
        fs::read_to_string(process.join(name)).ok()?.lines().map(line).collect()
    };
    Some((read("uid_map")?, read("gid_map")?))
}

fn line(line: &str) -> Option<Mapping> {
    let mut numbers = line.split_whitespace().map(str::parse);
    let mut next = || numbers.next()?.ok();
    Some(Mapping { inside: next()?, outside: next()?, size: next()? })
}

fn map(mappings: &[Mapping], id: u32) -> Option<u32> {
    let within = mappings.iter().find(|mapping| id.checked_sub(mapping.inside).is_some_and(|at| at < mapping.size))?;
    within.outside.checked_add(id - within.inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(text: &str) -> Result<(u32, u32), SpecError> {
        Spec::parse(text.as_bytes())?.owner().map(|owner| (owner.uid, owner.gid))
    }

    #[test]
    fn without_a_user_namespace_ids_are_what_they_are() {
        assert_eq!(owner("{}"), Ok((0, 0)));
        assert_eq!(owner(r#"{"process":{"user":{"uid":1000,"gid":100}}}"#), Ok((1000, 100)));
        let idle = r#"{"process":{"user":{"uid":7}},"linux":{"uidMappings":[{"containerID":0,"hostID":9,"size":9}],
            "namespaces":[{"type":"pid"}]}}"#;
        assert_eq!(owner(idle), Ok((7, 0)));
    }

    #[test]
    fn ids_are_mapped_into_a_user_namespace() {
        let mapped = |user: &str| {
            owner(&format!(
                r#"{{"process":{{"user":{user}}},"linux":{{"namespaces":[{{"type":"pid"}},{{"type":"user"}}],
                "uidMappings":[{{"containerID":0,"hostID":100000,"size":1000}},{{"containerID":1000,"hostID":5,"size":1}}],
                "gidMappings":[{{"hostID":200000,"size":4294967295}}]}}}}"#
            ))
        };
        assert_eq!(mapped("{}"), Ok((100_000, 200_000)));
        assert_eq!(mapped(r#"{"uid":999,"gid":3}"#), Ok((100_999, 200_003)));
        assert_eq!(mapped(r#"{"uid":1000,"gid":0}"#), Ok((5, 200_000)));
        assert_eq!(mapped(r#"{"uid":1001}"#), Err(SpecError::Unmapped { id: 1001 }));
        assert_eq!(mapped(r#"{"gid":4294967290}"#), Err(SpecError::Unmapped { id: 4_294_967_290 }));
    }

    #[test]
    fn a_namespace_is_joined_by_its_process() {
        let of = |path: &str| {
            owner(&format!(
                r#"{{"process":{{"user":{{"uid":3}}}},"linux":{{"namespaces":[{{"type":"user","path":"{path}"}}]}}}}"#
            ))
        };
        let own = format!("/proc/{}/ns/user", std::process::id());
        assert_eq!(of(&own), Ok((3, 0)));
        for path in ["/run/userns/x", "/proc/0/ns/user", "/proc/self/ns/user", "/x/proc/1/ns/user"] {
            assert_eq!(of(path), Err(SpecError::Joined { path: path.to_owned() }));
        }
    }

    #[test]
    fn labels_and_numbers_of_another_kind() {
        let label = |text: &str| Spec::parse(text.as_bytes()).expect("parses").mount_label();
        assert_eq!(label(r#"{"linux":{"mountLabel":"u:r:t:s0:c1,c2"}}"#), Ok(Some("u:r:t:s0:c1,c2".to_owned())));
        assert_eq!((label("{}"), label(r#"{"linux":{"mountLabel":""}}"#)), (Ok(None), Ok(None)));
        assert!(owner(r#"{"process":{"user":{"uid":-1}}}"#).is_err());
        assert!(owner(r#"{"process":{"user":{"uid":"0"}}}"#).is_err());
        assert!(owner(r#"{"process":{"user":{"Uid":1}}}"#).is_err());
    }
}
