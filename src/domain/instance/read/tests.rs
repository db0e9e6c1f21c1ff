//! `docs/schema/container-request.json` says what is read.

use std::fs;

use serde_json::Value;

use super::*;
use crate::domain::submitted::schema::Schema;
use crate::domain::submitted::{Form, tests as golden};

fn both_spellings(form: &Form) -> Vec<String> {
    let camel_case = |name: &str| {
        let mut words = name.split('_');
        let first = words.next().unwrap_or_default().to_owned();
        words.fold(first, |text, word| text + &word[..1].to_uppercase() + &word[1..])
    };
    let mut names: Vec<_> = form.fields.iter().flat_map(|name| [(*name).to_owned(), camel_case(name)]).collect();
    names.sort();
    names.dedup();
    names
}

#[test]
fn the_schema_has_the_fields_that_are_read() {
    let schema = Schema::open("container-request.json");
    let forms = [
        ("ContainerPort", &forms::PORT),
        ("ContainerRequest", &forms::CONTAINER),
        ("CreateInstanceRequest", &forms::CREATE_INSTANCE),
        ("EnvironmentVariable", &forms::VARIABLE),
        ("ExperimentalFeatures", &forms::EXPERIMENTAL),
        ("HostMount", &forms::HOST_MOUNT),
        ("InstanceShape", &forms::SHAPE),
        ("Label", &forms::LABEL),
        ("VolumeRequest", &forms::VOLUME),
    ];
    for (name, form) in forms {
        assert_eq!(schema.fields(name), both_spellings(form), "{name}");
    }
    let named: Vec<_> = forms.iter().map(|(name, _)| *name).collect();
    let defined: Vec<_> = schema.definitions().into_iter().filter(|name| *name != "Capability").collect();
    assert_eq!(named, defined);
}

/// What no schema can say: that two places differ, or that a text is a time.
const BEYOND: [&str; 8] = [
    "deadline.json",
    "duplicate-field.json",
    "duplicate-spelling.json",
    "duplicate-variable.json",
    "host-network-ports.json",
    "mounts-twice.json",
    "shared-volumes.json",
    "variables-twice.json",
];

#[test]
fn the_schema_and_the_reader_agree() {
    let schema = Schema::open("container-request.json");
    let accepted = |folder: &str| {
        let files = golden::files(folder).into_iter();
        let read = files.filter_map(|file| {
            let value: Value = serde_json::from_str(&fs::read_to_string(&file).expect("text")).ok()?;
            Some((golden::name(&file), schema.accepts(&value)))
        });
        read.collect::<Vec<_>>()
    };
    for (name, accepted) in accepted("requests/good") {
        assert_eq!(accepted, !name.starts_with("warned"), "{name}");
    }
    for (name, accepted) in accepted("requests/malformed") {
        assert_eq!(accepted, BEYOND.contains(&name.as_str()), "{name}");
    }
}
