//! TOML whose values and keys know where they stand.

use std::borrow::Cow;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::domain::submitted::{Content, Key, Mistakes, Node, Place};

/// Reads a document of TOML. It knows no key that is given twice.
pub(super) fn tree(text: &str) -> Result<Node, Mistakes> {
    let (table, errors) = DeTable::parse_recoverable(text);
    let mistakes = errors.iter().map(|error| {
        let place = Place::after(text, error.span().map_or(0, |span| span.start));
        (place, reason(error.message()))
    });
    match Mistakes::in_text(mistakes) {
        Some(mistakes) => Err(mistakes),
        None => Ok(Node { content: entries(text, table.into_inner()), at: Some(Place { line: 1, column: 1 }) }),
    }
}

/// Its words, unless they may repeat a part of the text.
fn reason(said: &str) -> String {
    if said.contains(['"', '\'', '\n']) {
        return "not valid TOML from here on: put texts in quotes".to_owned();
    }
    format!("not valid TOML: {said}")
}

fn entries(text: &str, table: DeTable<'_>) -> Content {
    let entry = |(key, value): (Spanned<Cow<'_, str>>, Spanned<DeValue<'_>>)| {
        let at = Place::after(text, key.span().start);
        (Key { at: Some(at), text: key.into_inner().into_owned() }, node(text, value))
    };
    Content::Table(table.into_iter().map(entry).collect())
}

fn node(text: &str, value: Spanned<DeValue<'_>>) -> Node {
    let at = Place::after(text, value.span().start);
    let content = match value.into_inner() {
        DeValue::String(text) => Content::Text(text.into_owned()),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Content::Number(number.to_string()),
            Err(_) => Content::Other,
        },
        DeValue::Float(number) => Content::Number(number.as_str().to_owned()),
        DeValue::Boolean(flag) => Content::Flag(flag),
        DeValue::Datetime(_) => Content::Other,
        DeValue::Array(list) => Content::List(list.into_iter().map(|value| node(text, value)).collect()),
        DeValue::Table(table) => entries(text, table),
    };
    Node { content, at: Some(at) }
}
