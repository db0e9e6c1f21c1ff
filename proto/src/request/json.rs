//! JSON that is walked by hand, so that every error has a path, no error has a value and no repeated key is lost.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{Fault, RequestError};
use crate::id::excerpt;

/// A JSON value, not read further than its syntax, and its path.
pub(super) struct Node<'a> {
    raw: &'a RawValue,
    path: String,
}

/// The value that a whole text is.
pub(super) fn root<'a>(path: &str, text: &'a str) -> Result<Node<'a>, RequestError> {
    let raw = serde_json::from_str(text)
        .map_err(|error| Fault::Syntax { line: error.line(), column: error.column() }.at(path))?;
    Ok(Node { raw, path: path.to_owned() })
}

impl<'a> Node<'a> {
    /// The key's annotation and the path in its JSON.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// Whether it is `null`, which proto3 JSON takes for an absent field.
    pub(super) fn is_null(&self) -> bool {
        self.raw.get() == "null"
    }

    /// The text of a string.
    pub(super) fn string(&self) -> Result<Cow<'a, str>, RequestError> {
        self.read("a string").map(|Text(text)| text)
    }

    /// The elements of a list.
    pub(super) fn list(&self) -> Result<Vec<Node<'a>>, RequestError> {
        let elements: Vec<&'a RawValue> = self.read("a list")?;
        let node = |(index, raw)| Node { raw, path: format!("{}[{index}]", self.path) };
        Ok(elements.into_iter().enumerate().map(node).collect())
    }

    /// The members of an object, none of which has the name of another.
    pub(super) fn members(&self) -> Result<Vec<(Cow<'a, str>, Node<'a>)>, RequestError> {
        let Members(members) = self.read("an object")?;
        let mut seen = HashSet::new();
        let node = |(key, raw): (Cow<'a, str>, &'a RawValue)| {
            let path = format!("{}.{}", self.path, excerpt(&key));
            if !seen.insert(key.clone()) {
                return Err(Fault::RepeatedKey.at(path));
            }
            Ok((key, Node { raw, path }))
        };
        members.into_iter().map(node).collect()
    }

    fn read<T: Deserialize<'a>>(&self, expected: &'static str) -> Result<T, RequestError> {
        serde_json::from_str(self.raw.get()).map_err(|_| Fault::Kind { expected }.at(&self.path))
    }
}

/// A string, borrowed where it has no escape.
#[derive(Deserialize)]
pub struct Text<'a>(
    /// The text.
    #[serde(borrow)]
    pub Cow<'a, str>,
);

/// An object's members in order, repeated ones included.
pub struct Members<'a>(
    /// Each key and value.
    pub Vec<(Cow<'a, str>, &'a RawValue)>,
);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
        let mut members = Vec::new();
        while let Some((Text(key), raw)) = map.next_entry()? {
            members.push((key, raw));
        }
        Ok(Members(members))
    }
}
