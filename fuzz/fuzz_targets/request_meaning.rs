//! A request that is meant, in any of its spellings: it parses to what was meant.
#![no_main]

use std::collections::HashSet;

use ampoule_proto::id::{EnvName, ObjectId, Version};
use ampoule_proto::request::{self, Reference, Request, Source};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value, json};

/// Each variable and the place where it is asked for.
#[derive(Arbitrary, Debug)]
struct Meant {
    variables: Vec<(Variable, Form)>,
    spelling: Spelling,
}

#[derive(Arbitrary, Debug)]
struct Variable {
    name: Vec<u8>,
    value: Meaning,
}

#[derive(Arbitrary, Debug)]
enum Meaning {
    Literal(String),
    Secret { at: u64, id: [u8; 16], version: Option<u64>, overridden: Option<String> },
}

/// In the order in which the grammar reads them.
#[derive(Arbitrary, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Form {
    EnvironmentEntry,
    Annotation,
    List,
    RequestMap,
    RequestList,
}

#[derive(Arbitrary, Debug)]
struct Spelling {
    camel_case: bool,
    pretty: bool,
    /// Fields that mean nothing to the shim.
    rest: bool,
}

fuzz_target!(|meant: Meant| {
    let Meant { mut variables, spelling } = meant;
    let mut seen = HashSet::new();
    variables.retain(|(variable, form)| {
        let is_sayable = match (&variable.value, form) {
            // Their only values are references.
            (Meaning::Literal(_), Form::EnvironmentEntry | Form::Annotation) => false,
            (Meaning::Literal(text), _) => !text.starts_with(request::SCHEME) && !text.contains('\0'),
            (Meaning::Secret { overridden: Some(text), .. }, _) => {
                !text.starts_with(request::SCHEME) && !text.contains('\0')
            }
            (Meaning::Secret { .. }, _) => true,
        };
        is_sayable && seen.insert(name(variable))
    });
    variables.sort_by_key(|(_, form)| *form);
    variables.truncate(request::MOST);

    let of = |form| variables.iter().filter(move |(_, other)| *other == form).map(|(variable, _)| variable);
    let environment: Vec<_> = of(Form::EnvironmentEntry).map(|v| format!("{}={}", name(v), as_value(v))).collect();
    let mut annotations: Vec<_> = of(Form::Annotation)
        .map(|v| (format!("{}{}", request::ENV_PREFIX, name(v)), reference(v).expect("a secret").to_string()))
        .collect();
    let list: Vec<_> = of(Form::List).map(|v| object(v, &spelling)).collect();
    annotations.push((request::ENV_VARS.to_owned(), text(&Value::from(list), &spelling)));
    let map: Map<_, _> = of(Form::RequestMap).map(|v| (name(v).to_string(), as_value(v).into())).collect();
    let list: Vec<_> = of(Form::RequestList).map(|v| object(v, &spelling)).collect();
    // The grammar takes the map first, whatever the order here.
    let mut container = json!({ key("env_vars", &spelling): list, "environment": map });
    if spelling.rest {
        container[key("image_ref", &spelling)] = "nginx".into();
    }
    annotations.push((request::CONTAINER_REQUEST.to_owned(), text(&container, &spelling)));

    let annotations = annotations.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    let parsed = request::parse(annotations, environment.iter().map(String::as_str)).expect("a good request");
    let expected: Vec<_> = variables.iter().map(|(v, _)| Request { name: name(v).into(), source: source(v) }).collect();
    assert!(parsed == expected, "{parsed:?}\n{expected:?}");
});

/// Any bytes as a name.
fn name(variable: &Variable) -> EnvName {
    const ALPHABET: &[u8; 16] = b"ABCDWXYZabyz_019";
    let tail = variable.name.iter().take(200).map(|byte| char::from(ALPHABET[usize::from(byte % 16)]));
    "_".chars().chain(tail).collect::<String>().parse().expect("a name")
}

fn reference(variable: &Variable) -> Option<Reference> {
    let Meaning::Secret { at, id, version, .. } = &variable.value else { return None };
    // Versions are positive and fit a signed integer.
    let version = version.and_then(|number| Version::new(number >> 1));
    Some(Reference { object: ObjectId::new(*at, *id), version })
}

fn source(variable: &Variable) -> Source {
    match &variable.value {
        Meaning::Literal(text) => Source::Literal(text.clone()),
        Meaning::Secret { .. } => Source::Secret(reference(variable).expect("a secret")),
    }
}

/// Where the value says whether it is a reference.
fn as_value(variable: &Variable) -> String {
    match (&variable.value, reference(variable)) {
        (Meaning::Literal(text), _) => text.clone(),
        (_, reference) => format!("{}{}", request::SCHEME, reference.expect("a secret")),
    }
}

/// An `EnvironmentVariable`.
fn object(variable: &Variable, spelling: &Spelling) -> Value {
    let mut object = json!({ "name": name(variable).to_string() });
    match &variable.value {
        Meaning::Literal(text) => object["value"] = text.as_str().into(),
        Meaning::Secret { overridden, .. } => {
            object[key("from_secret_id", spelling)] = reference(variable).expect("a secret").to_string().into();
            if let Some(text) = overridden {
                object["value"] = text.as_str().into();
            }
        }
    }
    object
}

fn key(snake_case: &'static str, spelling: &Spelling) -> &'static str {
    match (snake_case, spelling.camel_case) {
        ("env_vars", true) => "envVars",
        ("image_ref", true) => "imageRef",
        ("from_secret_id", true) => "fromSecretId",
        (key, _) => key,
    }
}

fn text(value: &Value, spelling: &Spelling) -> String {
    if spelling.pretty { format!("{value:#}") } else { value.to_string() }
}
