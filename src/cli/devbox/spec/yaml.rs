//! YAML whose values and keys know where they stand.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_yaml::options::{DuplicateKeyPolicy, MergeKeyPolicy};
use serde_yaml::{Location, Spanned};

use crate::domain::submitted::{Content, Key, Mistakes, Node, Place};

/// Reads one document of YAML; a key that is given twice is there twice.
pub(super) fn tree(text: &str) -> Result<Node, Mistakes> {
    if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
        return Ok(Node { content: Content::Null, at: Some(Place { line: 1, column: 1 }) });
    }
    let read: Result<Spanned<Value>, _> = serde_yaml::from_str_with_options(text, options());
    read.map(node).map_err(|error| {
        let error = error.without_snippet();
        let place = error.location().map_or(Place { line: 1, column: 1 }, |at| place(&at));
        Mistakes::at(place, reason(&error.to_string(), place))
    })
}

/// Its words, unless they may repeat a part of the text.
fn reason(said: &str, place: Place) -> String {
    let said = said.trim_end_matches(&format!(" at line {}, column {}", place.line, place.column));
    let known = [
        ("Documents", "more than one document: keep one"),
        (
            "nchor",
            "no & and * are taken here: write what you mean in full, and put a text that begins with one in quotes",
        ),
        ("udget", "it is larger or deeper than any devbox needs"),
        (
            "mapping values",
            "there is a colon too many: put a text that has one in quotes, and check how far lines are indented",
        ),
    ];
    if let Some((_, reason)) = known.iter().find(|(part, _)| said.contains(part)) {
        return format!("not valid YAML: {reason}");
    }
    if said.contains(['"', '`', '\'', '*', '!', '&', '\n']) {
        return "not valid YAML from here on: put a text with special characters in quotes".to_owned();
    }
    format!("not valid YAML: {said}")
}

fn place(at: &Location) -> Place {
    let number = |number: u64| usize::try_from(number).unwrap_or(usize::MAX).max(1);
    Place { line: number(at.line()), column: number(at.column()) }
}

fn node(spanned: Spanned<Value>) -> Node {
    Node { content: spanned.value.0, at: Some(place(&spanned.referenced)) }
}

struct Value(Content);

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor).map(Self)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Content;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Content, E> {
        Ok(Content::Flag(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Content, E> {
        Ok(Content::Number(number.to_string()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Content, E> {
        Ok(Content::Number(number.to_string()))
    }

    fn visit_i128<E>(self, number: i128) -> Result<Content, E> {
        Ok(Content::Number(number.to_string()))
    }

    fn visit_u128<E>(self, number: u128) -> Result<Content, E> {
        Ok(Content::Number(number.to_string()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Content, E> {
        Ok(Content::Number(number.to_string()))
    }

    fn visit_str<E>(self, text: &str) -> Result<Content, E> {
        Ok(Content::Text(text.to_owned()))
    }

    fn visit_bytes<E>(self, _: &[u8]) -> Result<Content, E> {
        Ok(Content::Other)
    }

    fn visit_unit<E>(self) -> Result<Content, E> {
        Ok(Content::Null)
    }

    fn visit_none<E>(self) -> Result<Content, E> {
        Ok(Content::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Content, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Content, A::Error> {
        let mut nodes = Vec::new();
        while let Some(element) = list.next_element::<Spanned<Value>>()? {
            nodes.push(node(element));
        }
        Ok(Content::List(nodes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Content, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key::<Spanned<String>>()? {
            let key = Key { at: Some(place(&key.referenced)), text: key.value };
            entries.push((key, node(map.next_value::<Spanned<Value>>()?)));
        }
        Ok(Content::Table(entries))
    }
}

fn options() -> serde_yaml::Options {
    serde_yaml::options! {
        strict_booleans: true,
        // The lines around a mistake may hold what must not be printed.
        with_snippet: false,
        // Remarked upon later, with all the other mistakes.
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        merge_keys: MergeKeyPolicy::AsOrdinary,
        budget: serde_yaml::budget! {
            max_reader_input_bytes: Some(1 << 20),
            max_depth: 16,
            max_nodes: 64 << 10,
            max_aliases: 0,
            max_anchors: 0,
            max_documents: 1,
        },
    }
}
