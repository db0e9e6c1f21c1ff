//! What is replaced in a config.json.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::path::Path;

use ampoule_proto::request::VariableName;
use ampoule_proto::request::json::Text;
use ampoule_proto::secret::SecretBytes;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::{Object, Spec, SpecError, read};

/// The ranges of a config.json that are replaced, none of which overlap.
pub struct Edits<'s> {
    spec: &'s Spec<'s>,
    process: &'s Object<'s>,
    made: Vec<(Range<usize>, Zeroizing<Vec<u8>>)>,
}

impl<'s> Edits<'s> {
    /// No edit yet, of a config.json that has a place for variables.
    pub fn new(spec: &'s Spec<'s>) -> Result<Self, SpecError> {
        let process = spec.process.as_ref().ok_or(SpecError::NoProcess)?;
        Ok(Self { spec, process, made: Vec::new() })
    }

    /// Sets variables of `process.env`: in the place of one of the same name, else at the end, in the order given.
    pub fn set_env(&mut self, values: &[(VariableName, SecretBytes)]) {
        let list = self.filled_env(values);
        self.set_member(self.process, "env", &list);
    }

    /// Gives every `createContainer` hook that has no environment the unfilled one: runc (1.1, and by design later
    /// ones) lets such a hook inherit the container's.
    pub fn keep_from_hooks(&mut self) -> Result<(), SpecError> {
        let Some(hooks) = self.spec.top.object("hooks", "hooks")? else { return Ok(()) };
        let Some(list) = hooks.member("createContainer")? else { return Ok(()) };
        let original = self.original_env();
        for raw in read::<Vec<&RawValue>>(list, "hooks.createContainer", "a list")? {
            let hook = Object::read("hooks.createContainer", raw)?;
            let own =
                hook.member("env")?.map(|env| read::<Vec<&RawValue>>(env, "hooks.createContainer", "a list of hooks"));
            if own.transpose()?.is_none_or(|entries| entries.is_empty()) {
                self.set_member(&hook, "env", &original);
            }
        }
        Ok(())
    }

    /// Adds a hook at the end of its stage.
    pub fn add_hook(
        &mut self,
        stage: &'static str,
        path: &Path,
        args: &[String],
        env: &[String],
    ) -> Result<(), SpecError> {
        let hook = serde_json::json!({ "path": path.to_string_lossy(), "args": args, "env": env }).to_string();
        let Some(hooks) = self.spec.top.object("hooks", "hooks")? else {
            self.set_member(&self.spec.top, "hooks", format!("{{\"{stage}\":[{hook}]}}").as_bytes());
            return Ok(());
        };
        let Some(list) = hooks.member(stage)? else {
            self.set_member(&hooks, stage, format!("[{hook}]").as_bytes());
            return Ok(());
        };
        self.append(list, "hooks", &hook)
    }

    /// Binds files into the container, each (source, destination) read-only, after its other mounts.
    pub fn bind<'m>(&mut self, files: impl Iterator<Item = (&'m Path, &'m str)>) -> Result<(), SpecError> {
        const OPTIONS: [&str; 6] = ["bind", "ro", "nosuid", "nodev", "noexec", "private"];
        let mount = |(source, destination): (&Path, &str)| {
            let source = source.to_string_lossy();
            serde_json::json!({"destination": destination, "type": "bind", "source": source, "options": OPTIONS})
        };
        let mounts = files.map(|file| mount(file).to_string()).collect::<Vec<_>>().join(",");
        let Some(list) = self.spec.top.member("mounts")? else {
            self.set_member(&self.spec.top, "mounts", format!("[{mounts}]").as_bytes());
            return Ok(());
        };
        self.append(list, "mounts", &mounts)
    }

    /// Puts back what stood in `process.env`: `NAME=text`, or `NAME` for a variable that was not there.
    pub fn restore_env(&mut self, before: &[&str]) {
        let by_name: HashMap<_, _> =
            before.iter().map(|old| (old.split('=').next().unwrap_or_default(), *old)).collect();
        let mut list = List::with_capacity(self.spec.text.len());
        for (raw, entry) in &self.spec.env {
            match entry.split('=').next().and_then(|name| by_name.get(name)) {
                None => list.raw(raw.get().as_bytes()),
                Some(old) if old.contains('=') => list.raw(serde_json::Value::from(*old).to_string().as_bytes()),
                Some(_) => {}
            }
        }
        let list = list.finish();
        self.set_member(self.process, "env", &list);
    }

    /// Makes every path absolute that would be read from the bundle's directory: `root.path` and the sources of bind
    /// mounts (config.md, Root and Mounts).
    pub fn anchor(&mut self, bundle: &Path) -> Result<(), SpecError> {
        if let Some(root) = self.spec.top.object("root", "root")? {
            self.anchor_member(&root, "path", bundle)?;
        }
        let Some(list) = self.spec.top.member("mounts")? else { return Ok(()) };
        for raw in read::<Vec<&RawValue>>(list, "mounts", "a list")? {
            let mount = Object::read("mounts", raw)?;
            if is_bind(&mount)? {
                self.anchor_member(&mount, "source", bundle)?;
            }
        }
        Ok(())
    }

    /// The edited text, without the white space after it.
    pub fn apply(mut self) -> Zeroizing<Vec<u8>> {
        self.made.sort_by_key(|(range, _)| range.start);
        let text = self.spec.text.trim_ascii_end();
        let added: usize = self.made.iter().map(|(_, new)| new.len()).sum();
        // Enough from the beginning: a buffer that grows leaves its old content behind.
        let mut out = Zeroizing::new(Vec::with_capacity(text.len() + added));
        let mut done = 0;
        for (range, new) in &self.made {
            out.extend_from_slice(&text.as_bytes()[done..range.start]);
            out.extend_from_slice(new);
            done = range.end;
        }
        out.extend_from_slice(&text.as_bytes()[done..]);
        out
    }

    fn filled_env(&self, values: &[(VariableName, SecretBytes)]) -> Zeroizing<Vec<u8>> {
        let kept: usize = self.spec.env.iter().map(|(raw, _)| raw.get().len() + 1).sum();
        let set: usize = values.iter().map(|(name, value)| 6 * (name.as_str().len() + value.len()) + 4).sum();
        let mut list = List::with_capacity(kept + set + 2);
        let by_name: HashMap<_, _> = values.iter().map(|(name, value)| (name.as_str(), value)).collect();
        let mut placed = HashSet::new();
        for (raw, entry) in &self.spec.env {
            let name = entry.split_once('=').map_or(&**entry, |(name, _)| name);
            match by_name.get(name) {
                None => list.raw(raw.get().as_bytes()),
                // Of several entries with one name runtimes don't agree which counts: only the filled one stays.
                Some(value) if placed.insert(name) => list.entry(name, value),
                Some(_) => {}
            }
        }
        let appended = values.iter().filter(|(name, _)| !placed.contains(name.as_str()));
        appended.for_each(|(name, value)| list.entry(name.as_str(), value));
        list.finish()
    }

    fn original_env(&self) -> Zeroizing<Vec<u8>> {
        let kept: usize = self.spec.env.iter().map(|(raw, _)| raw.get().len() + 1).sum();
        let mut list = List::with_capacity(kept + 2);
        self.spec.env.iter().for_each(|(raw, _)| list.raw(raw.get().as_bytes()));
        list.finish()
    }

    /// Adds elements at the end of a list.
    fn append(&mut self, list: &RawValue, path: &'static str, elements: &str) -> Result<(), SpecError> {
        let others = read::<Vec<&RawValue>>(list, path, "made of lists")?;
        let end = self.spec.range(list.get()).end - 1;
        let comma = if others.is_empty() { "" } else { "," };
        self.made.push((end..end, Zeroizing::new(format!("{comma}{elements}").into_bytes())));
        Ok(())
    }

    fn set_member(&mut self, object: &Object<'_>, name: &str, value: &[u8]) {
        if let Some((_, raw)) = object.members.0.iter().find(|(key, _)| key == name) {
            self.made.push((self.spec.range(raw.get()), Zeroizing::new(value.to_vec())));
            return;
        }
        let start = self.spec.range(object.raw.get()).start + 1;
        let comma: &[u8] = if object.members.0.is_empty() { b"" } else { b"," };
        let member = [b"\"", name.as_bytes(), b"\":", value, comma].concat();
        self.made.push((start..start, Zeroizing::new(member)));
    }

    fn anchor_member(&mut self, object: &Object<'_>, name: &'static str, bundle: &Path) -> Result<(), SpecError> {
        let Some(raw) = object.member(name)? else { return Ok(()) };
        let Text(path) = read(raw, object.path, "an object with paths")?;
        if path.starts_with('/') || path.is_empty() {
            return Ok(());
        }
        let absolute = bundle.join(&*path).to_string_lossy().into_owned();
        let mut json = Vec::with_capacity(6 * absolute.len() + 2);
        json.push(b'"');
        escape(absolute.as_bytes(), &mut json);
        json.push(b'"');
        self.set_member(object, name, &json);
        Ok(())
    }
}

fn is_bind(mount: &Object<'_>) -> Result<bool, SpecError> {
    if let Some(raw) = mount.member("type")?
        && read::<Text<'_>>(raw, "mounts", "a list of mounts")?.0 == "bind"
    {
        return Ok(true);
    }
    let Some(raw) = mount.member("options")? else { return Ok(false) };
    let options: Vec<Text<'_>> = read(raw, "mounts", "a list of mounts")?;
    Ok(options.iter().any(|Text(option)| option == "bind" || option == "rbind"))
}

/// A JSON list of strings in a buffer that never grows.
struct List(Zeroizing<Vec<u8>>);

impl List {
    fn with_capacity(bytes: usize) -> Self {
        let mut list = Zeroizing::new(Vec::with_capacity(bytes));
        list.push(b'[');
        Self(list)
    }

    fn raw(&mut self, element: &[u8]) {
        if self.0.len() > 1 {
            self.0.push(b',');
        }
        self.0.extend_from_slice(element);
    }

    fn entry(&mut self, name: &str, value: &SecretBytes) {
        self.raw(b"\"");
        escape(name.as_bytes(), &mut self.0);
        self.0.push(b'=');
        escape(value.expose(), &mut self.0);
        self.0.push(b'"');
    }

    fn finish(mut self) -> Zeroizing<Vec<u8>> {
        self.0.push(b']');
        self.0
    }
}

/// Appends UTF-8 as the inside of a JSON string (RFC 8259, section 7).
fn escape(text: &[u8], out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    for byte in text {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', *byte]),
            0..=0x1f => {
                out.extend_from_slice(br"\u00");
                out.extend_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
            }
            _ => out.push(*byte),
        }
    }
}
