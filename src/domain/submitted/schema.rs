//! As much of JSON Schema (2020-12) as the files of `docs/schema/` use, to compare them with the readers.

use regex::Regex;
use serde_json::{Map, Value};

use super::{Content, Node};

/// A file of `docs/schema/`.
pub(crate) struct Schema(Value);

impl Schema {
    pub(crate) fn open(name: &str) -> Self {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schema").join(name);
        Self(serde_json::from_str(&std::fs::read_to_string(path).expect("a schema")).expect("JSON"))
    }

    /// The fields of a definition, or of all of it, sorted.
    pub(crate) fn fields(&self, definition: &str) -> Vec<String> {
        let schema = if definition.is_empty() { &self.0 } else { &self.0["$defs"][definition] };
        let mut fields: Vec<_> = schema["properties"].as_object().expect(definition).keys().cloned().collect();
        fields.sort();
        fields
    }

    /// The names of its definitions, sorted.
    pub(crate) fn definitions(&self) -> Vec<&str> {
        let mut names: Vec<_> = self.0["$defs"].as_object().expect("definitions").keys().map(String::as_str).collect();
        names.sort_unstable();
        names
    }

    pub(crate) fn accepts(&self, value: &Value) -> bool {
        self.fits(&self.0, value)
    }

    fn fits(&self, schema: &Value, value: &Value) -> bool {
        let Some(schema) = schema.as_object() else { return schema.as_bool().expect("a schema") };
        schema.iter().all(|(keyword, rule)| self.keeps(schema, keyword, rule, value))
    }

    fn keeps(&self, schema: &Map<String, Value>, keyword: &str, rule: &Value, value: &Value) -> bool {
        let list = || rule.as_array().expect("a list");
        let number = || rule.as_u64().expect("a number");
        let text = || value.as_str();
        let length = |length: Option<usize>| length.map_or(0, |length| length as u64);
        match keyword {
            "$schema" | "$defs" | "title" | "description" | "examples" | "format" | "then" | "else" => true,
            "$ref" => self.fits(self.0.pointer(&rule.as_str().expect("a path")[1..]).expect("a definition"), value),
            "type" => match rule {
                Value::Array(kinds) => kinds.iter().any(|kind| is_kind(kind, value)),
                kind => is_kind(kind, value),
            },
            "enum" => list().contains(value),
            "anyOf" => list().iter().any(|schema| self.fits(schema, value)),
            "oneOf" => list().iter().filter(|schema| self.fits(schema, value)).count() == 1,
            "allOf" => list().iter().all(|schema| self.fits(schema, value)),
            "if" => {
                let branch = if self.fits(rule, value) { "then" } else { "else" };
                schema.get(branch).is_none_or(|schema| self.fits(schema, value))
            }
            "pattern" => {
                let pattern = Regex::new(rule.as_str().expect("a pattern")).expect("a regular expression");
                text().is_none_or(|text| pattern.is_match(text))
            }
            "maxLength" => length(text().map(|text| text.chars().count())) <= number(),
            "minimum" => value.as_f64().is_none_or(|value| value >= rule.as_f64().expect("a number")),
            "maximum" => value.as_f64().is_none_or(|value| value <= rule.as_f64().expect("a number")),
            "minItems" => value.as_array().is_none_or(|list| list.len() as u64 >= number()),
            "maxItems" => length(value.as_array().map(Vec::len)) <= number(),
            "maxProperties" => length(value.as_object().map(Map::len)) <= number(),
            "items" => value.as_array().is_none_or(|list| list.iter().all(|element| self.fits(rule, element))),
            "required" => value
                .as_object()
                .is_none_or(|object| list().iter().all(|name| object.contains_key(name.as_str().expect("a name")))),
            "properties" => value.as_object().is_none_or(|object| {
                object.iter().all(|(key, value)| rule.get(key).is_none_or(|schema| self.fits(schema, value)))
            }),
            "propertyNames" => value
                .as_object()
                .is_none_or(|object| object.keys().all(|key| self.fits(rule, &Value::String(key.clone())))),
            "additionalProperties" => value.as_object().is_none_or(|object| {
                let known = |key: &String| schema.get("properties").is_some_and(|known| known.get(key).is_some());
                object.iter().all(|(key, value)| known(key) || self.fits(rule, value))
            }),
            keyword => panic!("the schema has a {keyword}, which no test looks at"),
        }
    }
}

fn is_kind(kind: &Value, value: &Value) -> bool {
    match kind.as_str().expect("a kind") {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        kind => panic!("the schema has a {kind}, which no test looks at"),
    }
}

/// The tree as JSON; of a key that is given twice, the last value.
pub(crate) fn value(node: &Node) -> Value {
    match &node.content {
        Content::Null => Value::Null,
        Content::Flag(flag) => Value::Bool(*flag),
        Content::Number(number) => serde_json::from_str(number).expect("a number"),
        Content::Text(text) => Value::String(text.clone()),
        Content::List(list) => list.iter().map(value).collect(),
        Content::Table(table) => table.iter().map(|(key, node)| (key.text.clone(), value(node))).collect(),
        Content::Other => Value::String("what JSON doesn't have".to_owned()),
    }
}
