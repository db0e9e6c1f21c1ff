//! Any text as config.json: whatever parses is JSON after the edits too, and differs in nothing but what was edited.
#![no_main]

use std::collections::HashMap;
use std::path::Path;

use ampoule_proto::request::{self, Request, VariableName};
use ampoule_proto::secret::SecretBytes;
use ampoule_shim::spec::{Edits, Spec, SpecError, mentions_us};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use serde_json::value::RawValue;

type Assigned = Vec<(VariableName, SecretBytes)>;

const BUNDLE: &str = "/run/a \"bundle\"";

fuzz_target!(|data: &[u8]| {
    let Ok(spec) = Spec::parse(data) else { return };
    let requests = spec.requests();
    assert!(mentions_us(data) || requests == Ok(Vec::new()), "a request that is not looked for");
    let assigned = assigned(&requests.unwrap_or_default());
    // What serde_json can't hold, a number of 400 digits say, it can still pass on.
    let before: Option<Value> = serde_json::from_slice(data).ok();

    if let Some((text, value)) = edited(&spec, before.is_some(), |edits| {
        edits.set_env(&assigned);
        Ok(())
    }) {
        let mut expected = before.clone().unwrap_or_default();
        if before.is_some() {
            set_env(&mut expected, &assigned);
        }
        assert_eq!(value, expected, "{text}");
    }
    if let Some((text, value)) = edited(&spec, before.is_some(), Edits::keep_from_hooks) {
        let mut expected = before.clone().unwrap_or_default();
        keep_from_hooks(&mut expected);
        assert_eq!(value, expected, "{text}");
    }
    if let Some((text, value)) = edited(&spec, before.is_some(), |edits| edits.anchor(Path::new(BUNDLE))) {
        let mut expected = before.clone().unwrap_or_default();
        anchor(&mut expected);
        assert_eq!(value, expected, "{text}");
    }
    // All of them together, as the shim does it.
    edited(&spec, before.is_some(), |edits| {
        edits.set_env(&assigned);
        edits.keep_from_hooks()?;
        edits.anchor(Path::new(BUNDLE))
    });
});

/// The edited text and what it means, which is nothing if the text before meant nothing.
fn edited<'s>(
    spec: &'s Spec<'s>,
    has_meaning: bool,
    edit: impl FnOnce(&mut Edits<'s>) -> Result<(), SpecError>,
) -> Option<(String, Value)> {
    let mut edits = Edits::new(spec).ok()?;
    edit(&mut edits).ok()?;
    let text = String::from_utf8(edits.apply().to_vec()).expect("UTF-8");
    serde_json::from_str::<&RawValue>(&text).expect("JSON");
    let value = if has_meaning { serde_json::from_str(&text).expect("JSON") } else { Value::Null };
    Some((text, value))
}

/// Every request with a value that JSON has to escape, and one that was not asked for.
fn assigned(requests: &[Request]) -> Assigned {
    let other = request::parse([(format!("{}OTHER", request::ENV_PREFIX).as_str(), "sec_a")], []).expect("a request");
    let names = requests.iter().chain(&other).map(|request| &request.name);
    let mut assigned = Assigned::new();
    for name in names {
        if !assigned.iter().any(|(taken, _)| taken == name) {
            let value = format!("{}\"\\\u{1}\u{7f}\u{2028}", assigned.len());
            assigned.push((name.clone(), SecretBytes::from(value)));
        }
    }
    assigned
}

/// The first entry of a name gets the value, later ones go, what is left comes last.
fn set_env(config: &mut Value, assigned: &Assigned) {
    let text = |value: &SecretBytes| str::from_utf8(value.expose()).expect("UTF-8").to_owned();
    let mut values: HashMap<&str, Option<String>> =
        assigned.iter().map(|(name, value)| (name.as_str(), Some(text(value)))).collect();
    let mut env = Vec::new();
    for entry in config["process"]["env"].as_array().into_iter().flatten() {
        let entry = entry.as_str().expect("a string");
        let name = entry.split('=').next().unwrap_or_default();
        match values.get_mut(name) {
            None => env.push(Value::from(entry)),
            Some(value) => env.extend(value.take().map(|value| Value::from(format!("{name}={value}")))),
        }
    }
    for (name, value) in assigned {
        if values[name.as_str()].is_some() {
            env.push(Value::from(format!("{}={}", name.as_str(), text(value))));
        }
    }
    config["process"]["env"] = Value::from(env);
}

fn keep_from_hooks(config: &mut Value) {
    let original = config["process"]["env"].as_array().cloned().unwrap_or_default();
    let hooks = config.pointer_mut("/hooks/createContainer").and_then(Value::as_array_mut);
    for hook in hooks.into_iter().flatten() {
        if hook["env"].as_array().is_none_or(Vec::is_empty) {
            hook["env"] = Value::from(original.clone());
        }
    }
}

fn anchor(config: &mut Value) {
    if let Some(path) = config.pointer_mut("/root/path") {
        make_absolute(path);
    }
    let mounts = config.get_mut("mounts").and_then(Value::as_array_mut);
    for mount in mounts.into_iter().flatten() {
        let options = mount["options"].as_array().into_iter().flatten();
        let is_bind =
            mount["type"] == "bind" || options.into_iter().any(|option| option == "bind" || option == "rbind");
        if is_bind && let Some(source) = mount.get_mut("source") {
            make_absolute(source);
        }
    }
}

fn make_absolute(path: &mut Value) {
    if let Some(text) = path.as_str().filter(|text| !text.is_empty() && !text.starts_with('/')) {
        *path = Value::from(format!("{BUNDLE}/{text}"));
    }
}
