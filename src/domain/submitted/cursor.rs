//! A part of what was submitted, its path, and the questions that are asked of it.
//!
//! An answer that isn't there has been remarked upon.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use super::fields::nearest;
use super::{Content, Key, Node, Place, Reading};

#[derive(Clone)]
pub(in crate::domain) struct Cursor<'a> {
    node: &'a Node,
    path: String,
    /// Where its key stands.
    key_at: Option<Place>,
    pub(super) reading: &'a Reading,
}

impl<'a> Cursor<'a> {
    /// All of it.
    pub(in crate::domain) fn root(node: &'a Node, reading: &'a Reading) -> Self {
        Self { node, path: String::new(), key_at: None, reading }
    }

    pub(in crate::domain) fn path(&self) -> &str {
        &self.path
    }

    /// The path of a field that is or could be here.
    pub(super) fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    pub(in crate::domain) fn member(&self, key: &'a Key, shown: &str, node: &'a Node) -> Self {
        Self { node, path: self.path_of(shown), key_at: key.at, reading: self.reading }
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(self.node.content, Content::Null)
    }

    pub(in crate::domain) fn is_default(&self) -> bool {
        self.node.is_default()
    }

    pub(in crate::domain) fn is_list(&self) -> bool {
        matches!(self.node.content, Content::List(_))
    }

    pub(in crate::domain) fn is_text(&self) -> bool {
        matches!(self.node.content, Content::Text(_))
    }

    /// The reason is a sentence without a full stop, and repeats no value.
    pub(in crate::domain) fn mistake(&self, reason: impl Display) {
        self.reading.mistake(&self.path, self.node.at.or(self.key_at), reason.to_string());
    }

    pub(in crate::domain) fn warning(&self, reason: impl Display) {
        self.reading.warning(&self.path, self.node.at.or(self.key_at), reason.to_string());
    }

    /// A mistake that is in the key.
    pub(in crate::domain) fn mistaken_key(&self, reason: impl Display) {
        self.reading.mistake(&self.path, self.key_at.or(self.node.at), reason.to_string());
    }

    pub(super) fn strange_key(&self, reason: impl Display) {
        self.reading.warning(&self.path, self.key_at.or(self.node.at), reason.to_string());
    }

    /// The mistake of a field that should be here.
    pub(in crate::domain) fn lacks(&self, key: &str, reason: impl Display) {
        self.reading.mistake(&self.path_of(key), self.node.at, reason.to_string());
    }

    fn other_kind(&self, expected: &str) {
        if self.path.is_empty() && self.is_null() {
            return self.mistake("there is nothing in it");
        }
        let (found, remedy) = match &self.node.content {
            Content::Null => ("nothing", ""),
            Content::Flag(_) if expected == "a string" => ("true or false", ": put it in quotes"),
            Content::Number(_) if expected == "a string" => ("a number", ": put it in quotes"),
            Content::Text(text) if expected == "true or false" && ["true", "false"].contains(&&**text) => {
                ("a string", ": leave the quotes out")
            }
            Content::Flag(_) => ("true or false", ""),
            Content::Number(_) => ("a number", ""),
            Content::Text(_) => ("a string", ""),
            Content::List(_) => ("a list", ""),
            Content::Table(_) => ("an object", ""),
            Content::Other => ("something else", ""),
        };
        self.mistake(format_args!("expected {expected}, found {found}{remedy}"));
    }

    pub(in crate::domain) fn text(&self) -> Option<&'a str> {
        if let Content::Text(text) = &self.node.content {
            return Some(text);
        }
        self.other_kind("a string");
        None
    }

    pub(in crate::domain) fn flag(&self) -> Option<bool> {
        if let Content::Flag(flag) = self.node.content {
            return Some(flag);
        }
        self.other_kind("true or false");
        None
    }

    pub(in crate::domain) fn list(&self) -> Vec<Self> {
        let Content::List(list) = &self.node.content else {
            self.other_kind("a list");
            return Vec::new();
        };
        let element = |(index, node)| {
            let path = format!("{}[{index}]", self.path);
            Self { node, path, key_at: None, reading: self.reading }
        };
        list.iter().enumerate().map(element).collect()
    }

    pub(in crate::domain) fn table(&self) -> Option<&'a [(Key, Node)]> {
        if let Content::Table(table) = &self.node.content {
            return Some(table);
        }
        self.other_kind("an object");
        None
    }

    /// A whole number in any of proto3 JSON's spellings: `7`, `7.0`, `"7"`.
    pub(in crate::domain) fn integer(&self, range: &RangeInclusive<i64>) -> Option<i64> {
        let number = match &self.node.content {
            Content::Number(text) | Content::Text(text) => whole(text),
            _ => None,
        };
        let number = number.filter(|number| range.contains(number));
        if number.is_none() && *range.end() >= i64::from(i32::MAX) {
            self.mistake(format_args!("expected a whole number from {} on", range.start()));
        } else if number.is_none() {
            self.mistake(format_args!("expected a whole number from {} to {}", range.start(), range.end()));
        }
        number
    }

    /// What its type makes of the text.
    pub(in crate::domain) fn parse<T: FromStr<Err: Display>>(&self) -> Option<T> {
        self.text()?.parse().map_err(|fault| self.mistake(fault)).ok()
    }

    /// As [`Self::parse`], with the name that was meant if there is one of these.
    pub(in crate::domain) fn parse_name<T: FromStr<Err: Display>>(&self, names: impl Fn() -> Vec<String>) -> Option<T> {
        let text = self.text()?;
        let mistake = |fault| {
            let names = if self.reading.is_full() { Vec::new() } else { names() };
            let meant = nearest(text, names.iter().map(String::as_str));
            let hint = meant.map(|meant| format!("; did you mean {meant}?")).unwrap_or_default();
            self.mistake(format_args!("{fault}{hint}"));
        };
        text.parse().map_err(mistake).ok()
    }

    /// One of the values of an enum, by its name or number.
    pub(in crate::domain) fn choice<T: Copy>(&self, values: &[(&'static str, i64, T)]) -> Option<T> {
        let found = match &self.node.content {
            Content::Text(name) => values.iter().find(|(known, ..)| known == name),
            Content::Number(number) => {
                let number = whole(number);
                values.iter().find(|(_, known, _)| Some(*known) == number)
            }
            _ => None,
        };
        if let Some((.., value)) = found {
            return Some(*value);
        }
        let names: Vec<_> = values.iter().filter(|(_, number, _)| *number != 0).map(|(name, ..)| *name).collect();
        let meant = match &self.node.content {
            Content::Text(text) => nearest(text, names.iter().copied()),
            _ => None,
        };
        let hint = meant.map(|meant| format!("; did you mean {meant}?")).unwrap_or_default();
        self.mistake(format_args!("expected {}{hint}", names.join(" or ")));
        None
    }
}

fn whole(text: &str) -> Option<i64> {
    // A number such as 1e3 is exact below 2⁵³.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let float = || text.parse::<f64>().ok().filter(|number| number.fract() == 0.0 && number.abs() < EXACT);
    #[allow(clippy::cast_possible_truncation, reason = "it is a whole number of less than 54 bits")]
    text.parse().ok().or_else(|| float().map(|number| number as i64))
}
