//! config.json (runtime-spec 1.0.2) as a text in which a few ranges are replaced.
//!
//! The text is never written anew from parsed values: unknown fields, the order of fields and 64-bit numbers stay as
//! the engine wrote them, byte for byte.

mod edit;
mod owner;
mod places;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use ampoule_proto::request::json::{Members, Text};
use ampoule_proto::request::{self, Request, RequestError};
use memchr::arch::all::twoway::Finder;
use serde::Deserialize;
use serde_json::value::RawValue;

pub use edit::Edits;
pub use owner::Owner;

/// The largest config.json that is read.
pub const MOST_BYTES: usize = 64 << 20;

/// Whether a config.json may ask for something; if not, it need not be parsed.
///
/// Every form of the grammar contains our name. JSON can spell its letters only as themselves or as `\u006X` and
/// `\u007X` (RFC 8259, section 7).
pub fn mentions_us(text: &[u8]) -> bool {
    // The search that asks no processor what it can do: to ask takes a virtual one longer than to look through any file.
    [&b"ampoule"[..], br"\u006", br"\u007"].iter().any(|needle| Finder::new(needle).find(text, needle).is_some())
}

/// A parsed config.json.
pub struct Spec<'a> {
    text: &'a str,
    top: Object<'a>,
    process: Option<Object<'a>>,
    env: Vec<Entry<'a>>,
    annotations: Vec<Annotation<'a>>,
}

/// An entry of `process.env`: its JSON and its text.
type Entry<'a> = (&'a RawValue, Cow<'a, str>);

/// An annotation's key and value.
type Annotation<'a> = (Cow<'a, str>, Cow<'a, str>);

/// A JSON object and its members.
struct Object<'a> {
    path: &'static str,
    raw: &'a RawValue,
    members: Members<'a>,
}

impl<'a> Spec<'a> {
    /// Reads a config.json as far as a request can stand in it.
    pub fn parse(text: &'a [u8]) -> Result<Self, SpecError> {
        let mut spec = Self::parse_top(text)?;
        spec.process = spec.top.object("process", "process")?;
        spec.env = spec.read_env()?;
        spec.annotations = spec.read_annotations()?;
        Ok(spec)
    }

    /// Reads the description of a process that is to start in a running container (config.md, Process).
    pub fn parse_process(text: &'a [u8]) -> Result<Self, SpecError> {
        let mut spec = Self::parse_top(text)?;
        spec.process = Some(Object::read("process", spec.top.raw)?);
        spec.env = last_of_each_name(spec.read_env()?);
        Ok(spec)
    }

    /// The variables that the container asks for.
    pub fn requests(&self) -> Result<Vec<Request>, RequestError> {
        request::parse(self.annotations(), self.env.iter().map(|(_, entry)| &**entry))
    }

    /// Every annotation.
    pub fn annotations(&self) -> impl Iterator<Item = (&str, &str)> {
        self.annotations.iter().map(|(key, value)| (&**key, &**value))
    }

    /// Whether a Kubernetes node's engine (containerd, CRI-O) marks this container as the one that only holds a pod's
    /// namespaces: it is given the pod's annotations, too, and runs no program of the pod's.
    pub fn is_sandbox(&self) -> bool {
        const MARKS: [&str; 2] = ["io.kubernetes.cri.container-type", "io.kubernetes.cri-o.ContainerType"];
        self.annotations().any(|(key, value)| MARKS.contains(&key) && value == "sandbox")
    }

    /// The entries of `process.env`.
    pub fn env(&self) -> impl Iterator<Item = &str> {
        self.env.iter().map(|(_, entry)| &**entry)
    }

    /// The value of a variable in `process.env`; of several, the first.
    pub fn variable(&self, name: &str) -> Option<&str> {
        let entries = self.env().filter_map(|entry| entry.split_once('='));
        entries.into_iter().find(|(other, _)| *other == name).map(|(_, value)| value)
    }

    /// `root.path`, if it is there.
    pub fn root_path(&self) -> Option<Cow<'a, str>> {
        let root = self.top.object("root", "root").ok()??;
        read::<Text<'a>>(root.member("path").ok()??, "root.path", "a string").ok().map(|Text(path)| path)
    }

    /// The sources of the mounts, as far as they can be read.
    pub fn mount_sources(&self) -> impl Iterator<Item = Cow<'a, str>> {
        let list = self.top.member("mounts").ok().flatten();
        let mounts = list.and_then(|list| read::<Vec<&RawValue>>(list, "mounts", "a list").ok()).unwrap_or_default();
        mounts.into_iter().filter_map(|raw| {
            let source = Object::read("mounts", raw).ok()?.member("source").ok()??;
            read::<Text<'a>>(source, "mounts", "a list of mounts").ok().map(|Text(source)| source)
        })
    }

    fn parse_top(text: &'a [u8]) -> Result<Self, SpecError> {
        let text = std::str::from_utf8(text).map_err(|_| SpecError::NotUtf8)?;
        let raw = serde_json::from_str(text)
            .map_err(|error| SpecError::Syntax { line: error.line(), column: error.column() })?;
        let top = Object::read("config.json", raw)?;
        Ok(Self { text, top, process: None, env: Vec::new(), annotations: Vec::new() })
    }

    fn read_env(&self) -> Result<Vec<Entry<'a>>, SpecError> {
        let Some(process) = &self.process else { return Ok(Vec::new()) };
        let Some(raw) = process.member("env")? else { return Ok(Vec::new()) };
        let entries: Vec<&'a RawValue> = read(raw, "process.env", "a list")?;
        let entry = |raw: &'a RawValue| Ok((raw, read::<Text<'a>>(raw, "process.env", "a list of strings")?.0));
        entries.into_iter().map(entry).collect()
    }

    fn read_annotations(&self) -> Result<Vec<Annotation<'a>>, SpecError> {
        let Some(object) = self.top.object("annotations", "annotations")? else { return Ok(Vec::new()) };
        let mut annotations = Vec::<Annotation<'a>>::new();
        for (key, raw) in object.members.0 {
            if key.starts_with(request::ANNOTATION_PREFIX) && annotations.iter().any(|(other, _)| *other == key) {
                return Err(SpecError::Ambiguous { path: "annotations", key: key.into_owned() });
            }
            let value: Text<'a> = read(raw, "annotations", "an object of strings")?;
            annotations.push((key, value.0));
        }
        Ok(annotations)
    }

    /// Where a part of the text stands in it.
    fn range(&self, part: &str) -> Range<usize> {
        let start = part.as_ptr() as usize - self.text.as_ptr() as usize;
        start..start + part.len()
    }
}

impl<'a> Object<'a> {
    fn read(path: &'static str, raw: &'a RawValue) -> Result<Self, SpecError> {
        Ok(Self { path, raw, members: read(raw, path, "an object")? })
    }

    /// The value of a member, unless it is absent or `null`.
    ///
    /// runc merges what is given twice, crun takes the first. What one runtime would see and the other not is refused.
    fn member(&self, name: &str) -> Result<Option<&'a RawValue>, SpecError> {
        let mut alike = self.members.0.iter().filter(|(key, _)| passes_for(key, name));
        match (alike.next(), alike.next()) {
            (None, _) => Ok(None),
            (Some((key, raw)), None) if key == name => Ok(Some(*raw).filter(|raw| raw.get() != "null")),
            _ => Err(SpecError::Ambiguous { path: self.path, key: name.to_owned() }),
        }
    }

    fn object(&self, name: &str, path: &'static str) -> Result<Option<Self>, SpecError> {
        self.member(name)?.map(|raw| Self::read(path, raw)).transpose()
    }
}

/// podman adds what its caller sets to what the container has, and runtimes give a process the last.
fn last_of_each_name(entries: Vec<Entry<'_>>) -> Vec<Entry<'_>> {
    let mut places = HashMap::new();
    let mut kept: Vec<Entry<'_>> = Vec::with_capacity(entries.len());
    for entry in entries {
        let name = entry.1.split_once('=').map(|(name, _)| name.to_owned());
        match name.map(|name| *places.entry(name).or_insert(kept.len())).filter(|&place| place < kept.len()) {
            Some(place) => kept[place] = entry,
            None => kept.push(entry),
        }
    }
    kept
}

/// Whether some runtime takes this key for that name.
///
/// Go's decoder ignores case, also that of the two letters that fold into ASCII (encoding/json, `fold.go`): it takes
/// `ENV` for `env` and `procesſ` for `process`. For crun a key ends at a NUL, as a string of C does.
fn passes_for(key: &str, name: &str) -> bool {
    let fold = |letter: char| match letter {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        other => other.to_ascii_lowercase(),
    };
    let key = key.chars().take_while(|letter| *letter != '\0');
    key.map(fold).eq(name.chars().map(fold))
}

fn read<'a, T: Deserialize<'a>>(raw: &'a RawValue, path: &'static str, expected: &'static str) -> Result<T, SpecError> {
    serde_json::from_str(raw.get()).map_err(|_| SpecError::Kind { path, expected })
}

/// A config.json in which no request can be found or answered.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// The text is no UTF-8.
    #[error("config.json is not UTF-8: have the engine write the bundle again")]
    NotUtf8,
    /// The text is no JSON.
    #[error("config.json is not valid JSON at line {line}, column {column}: have the engine write the bundle again")]
    Syntax {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
    /// A value is of another kind.
    #[error("config.json: {path} is not {expected}, as the OCI runtime specification wants it")]
    Kind {
        /// Where it stands.
        path: &'static str,
        /// What was expected.
        expected: &'static str,
    },
    /// A key is given twice, or in another case.
    #[error("config.json: {path} has the key {key:?} twice or in another case: keep one, as it is specified")]
    Ambiguous {
        /// The object.
        path: &'static str,
        /// The key.
        key: String,
    },
    /// There is no process whose environment could be filled.
    #[error("config.json asks for secrets and has no process: remove the request or add the process")]
    NoProcess,
    /// Something is mounted where a file is asked for, or below that.
    #[error(
        "{key}: something else is mounted at {path}, or below it; the container was not created: name another place by \
         the annotation ampoule.dev/file.NAME.path"
    )]
    Mounted {
        /// The annotation.
        key: String,
        /// The place of the file.
        path: String,
    },
    /// What is mounted at a file's place would show on the host.
    #[error(
        "{key}: {path} is on a mount that the container shares with its host, where the file would show; the container was \
         not created: name another place by the annotation ampoule.dev/file.NAME.path, or don't share the mount"
    )]
    Shared {
        /// The annotation.
        key: String,
        /// The place of the file.
        path: String,
    },
    /// The container has no mounts of its own.
    #[error("the container has no mount namespace of its own, so its files would show elsewhere: give it one")]
    NoMountNamespace,
    /// `linux.mountLabel` is no label.
    #[error("config.json: linux.mountLabel has a quotation mark or a control character: that is no SELinux label")]
    Label,
    /// The user namespace has no such user or group.
    #[error("the container's user namespace has no user or group {id}, who its files would belong to: map it")]
    Unmapped {
        /// The user or group, in the container.
        id: u32,
    },
    /// Who has the user namespace is not to be told.
    #[error(
        "whose the container's files would be can't be told, in the user namespace {path}: use one of its own, or one by \
         /proc/PID/ns/user"
    )]
    Joined {
        /// The namespace.
        path: String,
    },
}
