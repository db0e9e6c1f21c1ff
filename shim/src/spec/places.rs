//! Where a container's files may be (`mounts` and `linux` of runtime-spec 1.0.2, config.md and config-linux.md).

use std::path::{Component, Path, PathBuf};

use ampoule_proto::request::FileRequest;
use ampoule_proto::request::json::Text;
use serde_json::value::RawValue;

use super::{Object, Spec, SpecError, read};

/// A mount of the specification.
struct Mount {
    place: PathBuf,
    /// Whether what is mounted on it shows elsewhere too.
    is_shared: bool,
}

impl Spec<'_> {
    /// Refuses files where the specification mounts something itself, or above that; and where a mount of ours would come
    /// to the host by the propagation of what is there.
    pub fn check_places(&self, files: &[FileRequest]) -> Result<(), SpecError> {
        let linux = self.top.object("linux", "linux")?;
        if !linux.as_ref().map_or(Ok(false), has_own_mounts)? {
            return Err(SpecError::NoMountNamespace);
        }
        let mounts = self.mounts(linux.as_ref())?;
        for file in files {
            let path = Path::new(file.path.as_str());
            if mounts.iter().any(|mount| mount.place.starts_with(path)) {
                return Err(SpecError::Mounted { key: file.key(), path: file.path.to_string() });
            }
            if mounts.iter().any(|mount| mount.is_shared && path.starts_with(&mount.place)) {
                return Err(SpecError::Shared { key: file.key(), path: file.path.to_string() });
            }
        }
        Ok(())
    }

    fn mounts(&self, linux: Option<&Object<'_>>) -> Result<Vec<Mount>, SpecError> {
        let propagation = linux.map(|linux| linux.member("rootfsPropagation")).transpose()?.flatten();
        let propagation = propagation.map(|raw| read::<Text<'_>>(raw, "linux.rootfsPropagation", "a string"));
        // Then what is bound without a word of its own is shared as it is on the host.
        let all_shared = propagation.transpose()?.is_some_and(|Text(text)| is_sharing(&text));
        let Some(list) = self.top.member("mounts")? else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        for raw in read::<Vec<&RawValue>>(list, "mounts", "a list")? {
            let mount = Object::read("mounts", raw)?;
            let Some(destination) = mount.member("destination")? else { continue };
            let Text(path) = read(destination, "mounts", "a list of mounts")?;
            let options = mount.member("options")?.map(|raw| read::<Vec<Text<'_>>>(raw, "mounts", "a list of mounts"));
            let options = options.transpose()?.unwrap_or_default();
            let has = |wanted: fn(&str) -> bool| options.iter().any(|Text(option)| wanted(option));
            let is_bind = has(|option| option == "bind" || option == "rbind");
            let is_private = has(|option| ["private", "rprivate", "slave", "rslave"].contains(&option));
            let is_shared = has(is_sharing) || all_shared && is_bind && !is_private;
            found.push(Mount { place: normal(&path), is_shared });
        }
        Ok(found)
    }
}

fn is_sharing(option: &str) -> bool {
    option == "shared" || option == "rshared"
}

/// Whether the container gets mounts that are nobody else's.
fn has_own_mounts(linux: &Object<'_>) -> Result<bool, SpecError> {
    let Some(list) = linux.member("namespaces")? else { return Ok(false) };
    for raw in read::<Vec<&RawValue>>(list, "linux.namespaces", "a list")? {
        let namespace = Object::read("linux.namespaces", raw)?;
        let text = |name| -> Result<Option<String>, SpecError> {
            let text =
                namespace.member(name)?.map(|raw| read::<Text<'_>>(raw, "linux.namespaces", "a list of objects"));
            Ok(text.transpose()?.map(|Text(text)| text.into_owned()))
        };
        if text("type")?.as_deref() == Some("mount") {
            return Ok(text("path")?.is_none_or(|path| path.is_empty()));
        }
    }
    Ok(false)
}

/// A path without its dots.
fn normal(path: &str) -> PathBuf {
    let mut place = PathBuf::from("/");
    for part in Path::new(path).components() {
        match part {
            Component::Normal(name) => place.push(name),
            Component::ParentDir => drop(place.pop()),
            _ => {}
        }
    }
    place
}
