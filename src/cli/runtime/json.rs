//! JSON as a text in which a member of an object is put or taken out; all else stays byte for byte.

use std::fmt;
use std::ops::Range;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::fault::Fault;

/// The indentation of a file that has none.
const INDENT: &str = "    ";

/// An object, and where it is in its text.
pub(super) struct Object<'a> {
    text: &'a str,
    range: Range<usize>,
    members: Vec<Member>,
}

/// A member, and where its value is.
struct Member {
    name: String,
    value: Range<usize>,
}

/// The members of an object in their order, with the text of their values.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'a> Object<'a> {
    /// The object that a whole text is.
    pub(super) fn whole(text: &'a str) -> Result<Self, Fault> {
        if let Err(error) = serde_json::from_str::<IgnoredAny>(text) {
            return Err(Fault::of_json(&error));
        }
        let start = text.len() - text.trim_start().len();
        Self::within(text, start..text.trim_end().len(), "the file")
    }

    /// The object that is this member's value, if there is such a member.
    pub(super) fn member(&self, name: &str) -> Result<Option<Self>, Fault> {
        let range = self.range_of(name);
        range.map(|range| Self::within(self.text, range, &format!("`{name}`"))).transpose()
    }

    /// The text of this member's value, and where it begins.
    pub(super) fn get(&self, name: &str) -> Option<(usize, &'a str)> {
        self.range_of(name).map(|range| (range.start, &self.text[range]))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The whole text with this member, in the place that it has or at the end.
    pub(super) fn with(&self, name: &str, value: &str) -> String {
        if let Some(range) = self.range_of(name) {
            return self.replaced(range, value);
        }
        let name = serde_json::Value::from(name);
        let Some(last) = self.members.last() else {
            return self.replaced(self.range.clone(), &self.alone(&format!("{name}: {value}")));
        };
        let (lead, colon) = self.style_of_last();
        self.replaced(last.value.end..last.value.end, &format!(",{lead}{name}{colon}{value}"))
    }

    /// The whole text without this member.
    pub(super) fn without(&self, name: &str) -> String {
        let Some(at) = self.members.iter().position(|member| member.name == name) else { return self.text.to_owned() };
        let value = &self.members[at].value;
        let range = match (at, self.members.len()) {
            (0, 1) => self.range.start + 1..self.range.end - 1,
            (0, _) => self.range.start + 1..value.end + self.text[value.end..].find(',').map_or(0, |comma| comma + 1),
            _ => self.members[at - 1].value.end..value.end,
        };
        self.replaced(range, "")
    }

    /// `what` is how an error calls it. The text is known to be JSON.
    fn within(text: &'a str, range: Range<usize>, what: &str) -> Result<Self, Fault> {
        let Ok(Members(members)) = serde_json::from_str(&text[range.clone()]) else {
            return Err(Fault::at(text, range.start, format!("{what} is not an object")));
        };
        let place = |raw: &RawValue| {
            let start = raw.get().as_ptr().addr() - text.as_ptr().addr();
            start..start + raw.get().len()
        };
        let members: Vec<Member> = members.into_iter().map(|(name, raw)| Member { name, value: place(raw) }).collect();
        for (at, member) in members.iter().enumerate() {
            if members[..at].iter().any(|other| other.name == member.name) {
                return Err(Fault::at(text, member.value.start, format!("`{}` is there twice", member.name)));
            }
        }
        Ok(Self { text, range, members })
    }

    fn range_of(&self, name: &str) -> Option<Range<usize>> {
        self.members.iter().find(|member| member.name == name).map(|member| member.value.clone())
    }

    fn replaced(&self, range: Range<usize>, by: &str) -> String {
        [&self.text[..range.start], by, &self.text[range.end..]].concat()
    }

    /// What stands before and after the last member's name.
    fn style_of_last(&self) -> (&'a str, &'a str) {
        let Some((last, others)) = self.members.split_last() else { return ("", ": ") };
        let start = others.last().map_or(self.range.start + 1, |member| member.value.end);
        let gap = &self.text[start..last.value.start];
        let quote = gap.find('"').unwrap_or(gap.len());
        let lead = gap[..quote].rsplit(',').next().unwrap_or_default();
        let colon = gap.rfind('"').map_or(": ", |at| &gap[at + 1..]);
        (lead, colon)
    }

    /// An object of one member in the place of this one, which has none.
    fn alone(&self, member: &str) -> String {
        let is_in_one_line = !self.text.trim().contains('\n') && self.text.trim() != "{}";
        if is_in_one_line {
            return format!("{{{member}}}");
        }
        let line = self.text[..self.range.start].rsplit('\n').next().unwrap_or_default();
        let outer = &line[..line.len() - line.trim_start().len()];
        format!("{{\n{outer}{}{member}\n{outer}}}", unit(self.text))
    }
}

/// The indentation of the first line that has one.
fn unit(text: &str) -> &str {
    let indent = |line: &'_ str| line.len() - line.trim_start().len();
    let indented = text.lines().find(|line| indent(line) > 0 && indent(line) < line.len());
    indented.map_or(INDENT, |line| &line[..indent(line)])
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Vec<(String, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(Collect).map(Members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(text: &str, name: &str, value: &str) -> String {
        Object::whole(text).expect("an object").with(name, value)
    }

    fn without(text: &str, name: &str) -> String {
        Object::whole(text).expect("an object").without(name)
    }

    #[test]
    fn a_member_is_put_in_the_style_of_the_others() {
        assert_eq!(with("{\n  \"a\": 1\n}\n", "b", "2"), "{\n  \"a\": 1,\n  \"b\": 2\n}\n");
        assert_eq!(with("{\"a\":1}", "b", "2"), "{\"a\":1,\"b\":2}");
        assert_eq!(with("{ \"a\" : 1.50, \"c\" : [ ] }", "b", "2"), "{ \"a\" : 1.50, \"c\" : [ ], \"b\" : 2 }");
        assert_eq!(with("{\n\t\"a\": 1\n\t, \"c\": 2 }", "b", "2"), "{\n\t\"a\": 1\n\t, \"c\": 2, \"b\": 2 }");
        assert_eq!(with("{}\n", "b", "2"), "{\n    \"b\": 2\n}\n");
        assert_eq!(with("{\"\\\",x\": 1}", "b", "2"), "{\"\\\",x\": 1,\"b\": 2}");
        assert_eq!(with("{\"a\": 1, \"b\": [1]}", "b", "2"), "{\"a\": 1, \"b\": 2}");
    }

    #[test]
    fn an_object_that_is_empty_is_filled() {
        let text = "{\n  \"a\": {},\n  \"z\": 1\n}";
        let inner = Object::whole(text).expect("object").member("a").expect("object").expect("there").with("b", "2");
        assert_eq!(inner, "{\n  \"a\": {\n    \"b\": 2\n  },\n  \"z\": 1\n}");
    }

    #[test]
    fn a_member_is_taken_out() {
        for name in ["b", "c"] {
            let text = "{\n  \"a\": 18446744073709551616,\n  \"a \": \"\\u00e4\"\n}\n";
            assert_eq!(without(&with(text, name, "{}"), name), text);
        }
        assert_eq!(without("{ \"a\": 1, \"b\": 2 }", "a"), "{ \"b\": 2 }");
        assert_eq!(without("{\n  \"a\": 1\n}", "a"), "{}");
        assert_eq!(without("{\"b\": 2}", "a"), "{\"b\": 2}");
    }

    #[test]
    fn what_is_wrong_has_its_place_and_no_content() {
        for (text, place) in [
            ("{\n  \"a\": 1,\n}", "3:1: key must be a string"),
            ("[\"secret\"]", "1:1: the file is not an object"),
            ("\n \"secret\"", "2:2: the file is not an object"),
            ("{\"a\": 1, \"a\": 2}", "1:15: `a` is there twice"),
            ("{\"a\": 1} x", "1:10: trailing characters"),
        ] {
            let fault = Object::whole(text).err().expect(text).to_string();
            assert_eq!(fault, place, "{text}");
        }
    }
}
