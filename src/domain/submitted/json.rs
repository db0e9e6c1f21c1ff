//! JSON whose values and keys know where they stand.

use std::borrow::Cow;

use ampoule_proto::request::json::{Members, Text};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Content, Key, Mistakes, Node, Place};

/// How deep lists and objects may stand in each other: more than any request needs.
const DEPTH: usize = 32;

/// Reads a text of JSON (RFC 8259); a key that is given twice is there twice.
pub fn of_json(text: &str) -> Result<Node, Mistakes> {
    // What some editors write first (RFC 8259, section 8.1).
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let raw = serde_json::from_str(text).map_err(|error| {
        // Its words may repeat a part of the text.
        let place = Place { line: error.line().max(1), column: error.column().max(1) };
        let reason = if error.is_eof() { "not valid JSON: it ends too early" } else { "not valid JSON from here on" };
        Mistakes::at(place, reason.to_owned())
    })?;
    let mut places = Places { text, from: 0, place: Place { line: 1, column: 1 } };
    node(raw, &mut places, 0)
}

fn node(raw: &RawValue, places: &mut Places<'_>, depth: usize) -> Result<Node, Mistakes> {
    let json = raw.get();
    let at = places.of(json);
    if depth > DEPTH {
        return Err(Mistakes::at(
            at,
            format!("more than {DEPTH} lists and objects in each other: no request has so many"),
        ));
    }
    let content = match json.as_bytes().first() {
        Some(b'n') => Content::Null,
        Some(b't' | b'f') => Content::Flag(json == "true"),
        Some(b'"') => Content::Text(read::<Text<'_>>(json, at)?.0.into_owned()),
        Some(b'[') => {
            let list: Vec<&RawValue> = read(json, at)?;
            Content::List(list.into_iter().map(|raw| node(raw, places, depth + 1)).collect::<Result<_, _>>()?)
        }
        Some(b'{') => {
            let Members(members) = read(json, at)?;
            let entry = |(key, raw): (Cow<'_, str>, &RawValue)| {
                let at = places.of_key(&key, raw.get());
                Ok((Key { text: key.into_owned(), at: Some(at) }, node(raw, places, depth + 1)?))
            };
            Content::Table(members.into_iter().map(entry).collect::<Result<_, Mistakes>>()?)
        }
        _ => Content::Number(json.to_owned()),
    };
    Ok(Node { content, at: Some(at) })
}

/// What is JSON can be read as what its first byte says, but for halves of surrogate pairs.
fn read<'a, T: Deserialize<'a>>(json: &'a str, at: Place) -> Result<T, Mistakes> {
    serde_json::from_str(json).map_err(|_| Mistakes::at(at, "not valid JSON: a text here is not Unicode".to_owned()))
}

/// Turns parts of the text into their places. They are asked for from the beginning to the end, so each line is counted
/// once.
struct Places<'a> {
    text: &'a str,
    from: usize,
    place: Place,
}

impl Places<'_> {
    fn of(&mut self, part: &str) -> Place {
        self.at((part.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize))
    }

    /// The place of a key before its value: where it has no escape, it is a part of the text itself.
    fn of_key(&mut self, key: &str, value: &str) -> Place {
        let from = (key.as_ptr() as usize).checked_sub(self.text.as_ptr() as usize);
        match from.filter(|from| (1..self.text.len()).contains(from)) {
            Some(from) => self.at(from - 1),
            None => self.of(value),
        }
    }

    fn at(&mut self, bytes: usize) -> Place {
        for letter in self.text.get(self.from..bytes).unwrap_or_default().chars() {
            if letter == '\n' {
                self.place = Place { line: self.place.line + 1, column: 1 };
            } else {
                self.place.column += 1;
            }
        }
        self.from = self.from.max(bytes);
        self.place
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(node: &Node) -> Vec<(String, Option<Place>, Option<Place>)> {
        let Content::Table(table) = &node.content else { panic!("an object") };
        table.iter().map(|(key, node)| (key.text.clone(), key.at, node.at)).collect()
    }

    #[test]
    fn keys_and_values_know_their_places() {
        let node = of_json("{\"a\":\n  \"ü\", \"b\" : [1],\"\\u0063\": null, \"a\": {}}")
            .unwrap_or_else(|error| panic!("{error}"));
        let place = |line, column| Some(Place { line, column });
        let expected = [
            ("a".to_owned(), place(1, 2), place(2, 3)),
            ("b".to_owned(), place(2, 8), place(2, 14)),
            ("c".to_owned(), place(2, 28), place(2, 28)),
            ("a".to_owned(), place(2, 34), place(2, 39)),
        ];
        assert_eq!(entries(&node), expected);
    }

    #[test]
    fn what_is_no_json_is_said_without_repeating_it() {
        for (text, expected) in [
            ("", "line 1, column 1: not valid JSON: it ends too early"),
            ("{\n \"", "line 2, column 2: not valid JSON: it ends too early"),
            ("hunter2", "line 1, column 1: not valid JSON from here on"),
            ("{\"a\": \"\\ud800\"}", "line 1, column 7: not valid JSON: a text here is not Unicode"),
        ] {
            assert_eq!(of_json(text).err().expect(text).to_string(), expected, "{text}");
        }
        let deep = "[".repeat(100) + &"]".repeat(100);
        assert!(of_json(&deep).err().expect("too deep").to_string().contains("in each other"));
    }
}
