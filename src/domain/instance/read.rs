//! The JSON of `CreateInstanceRequest` and `ContainerRequest` (package `namespace.cloud.compute.v1beta`), read whole.

mod container;
pub(in crate::domain) mod environment;
mod forms;
mod mounts;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use serde_json::Value;

use super::{CommandSpec, ContainerSpec, HostPath, InstanceRequest, MachineArch, Shape, VolumeSpec};
use crate::domain::submitted::{Cursor, Fields, Mistakes, Node, Reading, Spelling, Warning, of_json};
use crate::domain::{Description, InvalidLabel, Label, Labels, Timestamp};

/// How many containers an Instance may have.
pub const MOST_CONTAINERS: usize = 64;

/// How many bytes of text a request may have.
pub const MOST_BYTES: usize = 1 << 20;

/// Reads the body of a `CreateInstance`, or a `ContainerRequest` alone, in proto3 JSON.
pub fn read(value: &Value) -> Result<(InstanceRequest, Vec<Warning>), Mistakes> {
    whole(&Node::from(value), Spelling::Proto, instance)
}

/// The same of a message that was written as JSON here: places are told by the protocol's names.
pub fn read_message(value: &Value) -> Result<(InstanceRequest, Vec<Warning>), Mistakes> {
    whole(&Node::from(value), Spelling::Message, instance)
}

/// The same of a text. Its remarks know their places, and keys that are given twice are seen.
pub fn read_text(text: &str) -> Result<(InstanceRequest, Vec<Warning>), Mistakes> {
    whole(&of_json(text)?, Spelling::Proto, instance)
}

/// Reads the `containers` of a `StartContainersRequest` in proto3 JSON.
pub fn read_containers(value: &Value) -> Result<(Vec<ContainerSpec>, Vec<Warning>), Mistakes> {
    whole(&Node::from(value), Spelling::Message, |cursor| {
        let fields = cursor.fields(&forms::START_CONTAINERS)?;
        Some(containers(&fields, &[]))
    })
}

/// Reads the `command` of a `RunCommandRequest` in proto3 JSON.
pub fn read_command(value: &Value) -> Result<(CommandSpec, Vec<Warning>), Mistakes> {
    whole(&Node::from(value), Spelling::Message, |cursor| {
        let fields = cursor.fields(&forms::COMMAND)?;
        fields.need("command", "there is nothing to run: add the program, and its arguments after it");
        let words: Vec<_> = fields.list("command").iter().filter_map(container::argument).collect();
        if let (Some(list), Some("")) = (fields.given("command"), words.first().map(String::as_str)) {
            list.mistake("the program's name is empty: give one");
        }
        let env = environment::variables(None, fields.get("env_vars"));
        let directory = fields.given("cwd").and_then(Cursor::parse::<HostPath>);
        Some(CommandSpec { words, env, directory: directory.map(|path| path.as_str().to_owned()) })
    })
}

fn whole<T>(
    node: &Node,
    spelling: Spelling,
    read: impl FnOnce(&Cursor<'_>) -> Option<T>,
) -> Result<(T, Vec<Warning>), Mistakes> {
    if let Some(mistakes) = Mistakes::of_length(node, MOST_BYTES) {
        return Err(mistakes);
    }
    let reading = Reading::new(spelling);
    let read = read(&Cursor::root(node, &reading));
    reading.done(read)
}

fn instance(cursor: &Cursor<'_>) -> Option<InstanceRequest> {
    if cursor.is_list() {
        cursor.mistake("expected an object, found a list: put it into one, as containers");
        return None;
    }
    let table = cursor.table()?;
    let has = |names: &[&str]| table.iter().any(|(key, _)| names.contains(&key.text.as_str()));
    let is_body = has(&["containers"]) || has(&forms::BODY_ALONE) && !has(&["image_ref", "imageRef"]);
    if !is_body {
        let container = container::read(cursor, &[], true)?;
        return Some(InstanceRequest {
            shape: Shape::default(),
            purpose: String::new(),
            labels: Labels::default(),
            deadline: None,
            containers: vec![container],
            volumes: Vec::new(),
        });
    }
    let fields = cursor.fields(&forms::CREATE_INSTANCE)?;
    if let Some(experimental) = fields.given("experimental") {
        experimental.fields(&forms::INSTANCE_EXPERIMENTAL);
    }
    let volumes = mounts::volumes(&fields);
    Some(InstanceRequest {
        shape: fields.get("shape").and_then(shape).unwrap_or_default(),
        purpose: fields.given("documented_purpose").and_then(purpose).unwrap_or_default(),
        labels: labels(&fields),
        deadline: fields.given("deadline").and_then(deadline),
        containers: containers(&fields, &volumes),
        volumes: volumes.into_iter().map(|(_, volume)| volume).collect(),
    })
}

fn shape(cursor: &Cursor<'_>) -> Option<Shape> {
    let fields = cursor.fields(&forms::SHAPE)?;
    let number = |name, range| {
        let number = fields.given(name).and_then(|field| field.integer(&range));
        number.and_then(|number| u32::try_from(number).ok())
    };
    let most = i64::from(i32::MAX);
    if let Some(os) = fields.given("os")
        && let Some(name) = os.text()
        && !name.eq_ignore_ascii_case("linux")
    {
        os.mistake("not an operating system that can be had here: expected linux, or no such field");
    }
    Some(Shape {
        virtual_cpu: number("virtual_cpu", 1..=most),
        // Docker takes no less.
        memory_megabytes: number("memory_megabytes", 6..=most),
        machine_arch: fields.given("machine_arch").and_then(Cursor::parse::<MachineArch>),
    })
}

fn purpose(cursor: &Cursor<'_>) -> Option<String> {
    let text = cursor.text()?;
    if text.len() > Description::MOST {
        cursor.mistake(format_args!("it has {} bytes: at most {} are allowed", text.len(), Description::MOST));
    }
    if text.contains('\0') {
        cursor.mistake("it has a NUL: remove it");
    }
    Some(text.to_owned())
}

fn deadline(cursor: &Cursor<'_>) -> Option<Timestamp> {
    let time = cursor.text()?.parse();
    time.map_err(|_| cursor.mistake("not a time of RFC 3339: expected one such as 2030-01-31T12:00:00Z")).ok()
}

fn labels(fields: &Fields<'_>) -> Labels {
    let mut first = HashMap::<String, String>::new();
    let mut label = |cursor: &Cursor<'_>| {
        let fields = cursor.fields(&forms::LABEL)?;
        let name = fields.need("name", "a label needs a name: add it")?;
        let value = fields.get("value");
        let text = value.map_or(Some(""), Cursor::text);
        let label = Label::new(name.text()?, text?).map_err(|fault| match (&fault, value) {
            (InvalidLabel::Value { .. }, Some(value)) => value.mistake(fault),
            _ => name.mistake(fault),
        });
        let label = label.ok()?;
        if let Some(first) = first.insert(label.name().to_owned(), cursor.path().to_owned()) {
            name.mistake(format_args!("this label is given before, at {first}: keep one"));
            return None;
        }
        Some(label)
    };
    let all = fields.list("labels").iter().filter_map(&mut label).collect();
    let labels = Labels::new(all).map_err(|fault| {
        if let Some(list) = fields.get("labels") {
            list.mistake(fault);
        }
    });
    labels.unwrap_or_default()
}

fn containers(fields: &Fields<'_>, shared: &[(String, VolumeSpec)]) -> Vec<ContainerSpec> {
    let Some(list) = fields.need("containers", "an Instance has at least one container: add it") else {
        return Vec::new();
    };
    let elements = list.list();
    if elements.len() > MOST_CONTAINERS {
        let count = elements.len();
        list.mistake(format_args!("{count} containers: an Instance may have at most {MOST_CONTAINERS}"));
        return Vec::new();
    }
    let mut first = HashMap::<String, String>::new();
    let read = |element: &Cursor<'_>| {
        let spec = container::read(element, shared, elements.len() == 1)?;
        if let Some(first) = first.insert(spec.name.as_str().to_owned(), element.path().to_owned()) {
            element.lacks("name", format_args!("{first} has this name too: give each container one of its own"));
        }
        Some(spec)
    };
    elements.iter().filter_map(read).collect()
}
