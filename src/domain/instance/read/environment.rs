//! The variables of a container: `environment`, a map, and `env_vars`, a list. A Devbox's `env` is such a list.

use std::collections::HashMap;

use ampoule_proto::id::excerpt;
use ampoule_proto::request::{InvalidReference, MOST, SCHEME};

use super::forms;
use crate::domain::instance::Variable;
use crate::domain::submitted::{Cursor, Key};
use crate::domain::{EnvName, Reference, Source};

/// The longest `NAME=VALUE`, in bytes: Linux's `MAX_ARG_STRLEN`, without its NUL.
pub(super) const LONGEST: usize = 131_071;

/// The variables of a map, then those of a list. Each name counts once.
pub(in crate::domain) fn variables(map: Option<&Cursor<'_>>, list: Option<&Cursor<'_>>) -> Vec<Variable> {
    let mut first = HashMap::<EnvName, String>::new();
    let mut keep = |variable: Variable, cursor: &Cursor<'_>| {
        if let Some(first) = first.get(&variable.name) {
            let name = &variable.name;
            cursor.mistaken_key(format_args!("variable {name} is given before, at {first}: keep one"));
            return None;
        }
        first.insert(variable.name.clone(), variable.place.clone());
        Some(variable)
    };
    let entries = map.and_then(Cursor::table).unwrap_or_default();
    let of_map = entries.iter().filter_map(|(key, node)| {
        let cursor = map?.member(key, &shown(key), node);
        keep(of_entry(key, &cursor)?, &cursor)
    });
    let mut variables: Vec<_> = of_map.collect();
    let elements = list.map(Cursor::list).unwrap_or_default();
    variables.extend(elements.iter().filter_map(|cursor| keep(of_element(cursor)?, cursor)));
    let count = entries.len() + elements.len();
    if let Some(cursor) = list.or(map).filter(|_| count > MOST) {
        cursor.mistake(format_args!("{count} variables: a container may have at most {MOST}"));
    }
    variables
}

/// A key that could be a variable's name, or the beginning of what else it is.
fn shown(key: &Key) -> String {
    if key.text.is_empty() {
        return "\"\"".to_owned();
    }
    if key.text.len() <= 64 && key.text.parse::<EnvName>().is_ok() { key.text.clone() } else { excerpt(&key.text) }
}

fn of_entry(key: &Key, cursor: &Cursor<'_>) -> Option<Variable> {
    let name = key.text.parse::<EnvName>().map_err(|fault| cursor.mistaken_key(fault)).ok();
    let source = literal(cursor, key.text.len());
    Some(Variable { name: name?, source: source?, place: cursor.path().to_owned() })
}

fn of_element(cursor: &Cursor<'_>) -> Option<Variable> {
    let fields = cursor.fields(&forms::VARIABLE)?;
    let name = fields.need("name", "a variable needs a name: add it").and_then(Cursor::parse::<EnvName>);
    let length = name.as_ref().map_or(0, |name| name.as_str().len());
    let value =
        fields.get("value").map_or_else(|| Some(Source::Literal(String::new())), |value| literal(value, length));
    let Some(secret) = fields.given("from_secret_id") else {
        return Some(Variable { name: name?, source: value?, place: cursor.path().to_owned() });
    };
    if let Some(value) = fields.given("value") {
        value.warning("from_secret_id takes the place of this value: remove it");
    }
    let reference = reference(secret);
    value?;
    Some(Variable { name: name?, source: Source::Secret(reference?), place: cursor.path().to_owned() })
}

/// `sec_…` or `sec_…@VERSION`.
pub(in crate::domain) fn reference(cursor: &Cursor<'_>) -> Option<Reference> {
    let text = cursor.text()?;
    if text.starts_with(SCHEME) {
        cursor.mistake(format_args!("expected the id alone: leave {SCHEME} out"));
        return None;
    }
    let mistake = |fault: InvalidReference| {
        let remedy = "; a value is stored first, with `ampoule vault add`, which says its id";
        let remedy = if matches!(fault, InvalidReference::Id(_)) { remedy } else { "" };
        cursor.mistake(format_args!("{fault}{remedy}"));
    };
    text.parse().map_err(mistake).ok()
}

/// A value as the container gets it, or the reference that it spells.
fn literal(cursor: &Cursor<'_>, name: usize) -> Option<Source> {
    let text = cursor.text()?;
    if let Some(reference) = text.strip_prefix(SCHEME) {
        return reference.parse().map(Source::Secret).map_err(|fault| cursor.mistake(fault)).ok();
    }
    if text.contains('\0') {
        cursor.mistake("the value has a NUL, which no environment variable can hold: remove it");
        return None;
    }
    if name + 1 + text.len() > LONGEST {
        let bytes = text.len();
        cursor.mistake(format_args!(
            "the value has {bytes} bytes: with its name, Linux takes at most {LONGEST}; put it in a file"
        ));
        return None;
    }
    Some(Source::Literal(text.to_owned()))
}
