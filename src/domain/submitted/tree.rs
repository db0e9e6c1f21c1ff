//! The tree that JSON, YAML and TOML become.

use serde_json::Value;

/// A value and where it stands. It has no `Debug`: it may hold what must not be printed.
pub struct Node {
    /// The value.
    pub content: Content,
    /// Where it begins, if it comes from a text.
    pub at: Option<Place>,
}

/// A value.
pub enum Content {
    /// Nothing: the same as a field that isn't there.
    Null,
    /// Yes or no.
    Flag(bool),
    /// A number, as it is written.
    Number(String),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// Keys and values in the order given; a key may be given twice.
    Table(Vec<(Key, Node)>),
    /// What JSON doesn't have, such as TOML's dates.
    Other,
}

/// A key and where it stands.
#[derive(Clone)]
pub struct Key {
    /// The key.
    pub text: String,
    /// Where it begins, if it comes from a text.
    pub at: Option<Place>,
}

/// A place in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
}

impl Place {
    /// The place that so many bytes of a text stand before.
    pub fn after(text: &str, bytes: usize) -> Self {
        let before = text.get(..bytes).unwrap_or(text);
        let line = before.rsplit('\n').next().unwrap_or_default();
        Self { line: before.matches('\n').count() + 1, column: line.chars().count() + 1 }
    }
}

impl Node {
    /// Whether proto3 JSON takes it for a field that isn't there.
    pub(super) fn is_default(&self) -> bool {
        match &self.content {
            Content::Null => true,
            Content::Flag(flag) => !flag,
            Content::Number(number) => number.parse() == Ok(0.0),
            Content::Text(text) => text.is_empty(),
            Content::List(list) => list.is_empty(),
            Content::Table(table) => table.is_empty(),
            Content::Other => false,
        }
    }

    /// How many bytes its keys and texts have.
    pub(in crate::domain) fn bytes(&self) -> usize {
        match &self.content {
            Content::Text(text) | Content::Number(text) => text.len(),
            Content::List(list) => list.iter().map(Self::bytes).sum(),
            Content::Table(table) => table.iter().map(|(key, node)| key.text.len() + node.bytes()).sum(),
            Content::Null | Content::Flag(_) | Content::Other => 0,
        }
    }
}

impl From<&Value> for Node {
    fn from(value: &Value) -> Self {
        let content = match value {
            Value::Null => Content::Null,
            Value::Bool(flag) => Content::Flag(*flag),
            Value::Number(number) => Content::Number(number.to_string()),
            Value::String(text) => Content::Text(text.clone()),
            Value::Array(list) => Content::List(list.iter().map(Self::from).collect()),
            Value::Object(table) => {
                let entry = |(key, value): (&String, &Value)| (Key { text: key.clone(), at: None }, Self::from(value));
                Content::Table(table.iter().map(entry).collect())
            }
        };
        Self { content, at: None }
    }
}
