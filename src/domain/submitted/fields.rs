//! The fields of an object: which there may be, and what the others could have been meant for.

use ampoule_proto::id::excerpt;

use super::{Cursor, Spelling};

/// Which fields an object may have, by their names in the protocol.
pub(in crate::domain) struct Form {
    pub(in crate::domain) fields: &'static [&'static str],
    /// What is known and can't be honoured here, and what to do.
    pub(in crate::domain) refused: &'static [(&'static str, &'static str)],
    pub(in crate::domain) strangers: Strangers,
}

/// What is done about fields that nobody knows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::domain) enum Strangers {
    Warned,
    Refused,
}

/// The fields of one object.
pub(in crate::domain) struct Fields<'a> {
    pub(in crate::domain) object: Cursor<'a>,
    known: Vec<(&'static str, Cursor<'a>)>,
}

impl<'a> Cursor<'a> {
    /// The fields of an object of this form.
    pub(in crate::domain) fn fields(&self, form: &Form) -> Option<Fields<'a>> {
        let mut fields = Fields { object: self.clone(), known: Vec::new() };
        for (key, node) in self.table()? {
            let name = self.name_of(&key.text);
            let refused = form.refused.iter().find(|(refused, _)| *refused == name);
            if let Some(known) = form.fields.iter().find(|known| **known == name) {
                let shown = if self.reading.spelling == Spelling::Message { known } else { key.text.as_str() };
                fields.keep(known, self.member(key, shown, node));
            } else if let Some((_, reason)) = refused {
                let field = self.member(key, &key.text, node);
                if !field.is_default() {
                    field.mistaken_key(reason);
                }
            } else {
                self.stranger(form, &key.text, |shown| self.member(key, shown, node));
            }
        }
        Some(fields)
    }

    /// The protocol's name of a field.
    fn name_of(&self, key: &str) -> String {
        if self.reading.spelling == Spelling::Snake || key.contains('_') {
            return key.to_owned();
        }
        let spell =
            |c: char| if c.is_ascii_uppercase() { format!("_{}", c.to_ascii_lowercase()) } else { c.to_string() };
        key.chars().map(spell).collect()
    }

    fn stranger(&self, form: &Form, key: &str, field: impl Fn(&str) -> Self) {
        let meant = Some(key).filter(|_| !self.reading.is_full());
        let meant = meant.and_then(|key| nearest(key, form.fields.iter().copied()));
        // A key that resembles one of ours is no value that was put in the wrong place.
        let shown = if meant.is_some() { key.escape_default().to_string() } else { excerpt(key) };
        let as_camel_case =
            self.reading.spelling == Spelling::Proto && !key.contains('_') && key.contains(char::is_uppercase);
        let meant = meant.map(|meant| if as_camel_case { camel_case(meant) } else { meant.to_owned() });
        let hint = meant.map(|meant| format!("; did you mean {meant}?"));
        let field = field(&shown);
        match form.strangers {
            Strangers::Refused => {
                field.mistaken_key(format_args!("unknown field{}", hint.as_deref().unwrap_or(": remove it")));
            }
            Strangers::Warned => {
                field.strange_key(format_args!("unknown field, ignored{}", hint.as_deref().unwrap_or_default()));
            }
        }
    }
}

impl<'a> Fields<'a> {
    fn keep(&mut self, name: &'static str, field: Cursor<'a>) {
        if let Some((_, first)) = self.known.iter().find(|(known, _)| *known == name) {
            let first = first.path();
            if first == field.path() {
                field.mistaken_key("the field is given twice: keep one");
            } else {
                field.mistaken_key(format_args!("this is {first} in another spelling: keep one"));
            }
            return;
        }
        self.known.push((name, field));
    }

    /// A field, unless it is absent or null.
    pub(in crate::domain) fn get(&self, name: &str) -> Option<&Cursor<'a>> {
        self.known.iter().find(|(known, _)| *known == name).map(|(_, field)| field).filter(|field| !field.is_null())
    }

    /// A field, unless it has the value that absent fields have.
    pub(in crate::domain) fn given(&self, name: &str) -> Option<&Cursor<'a>> {
        self.get(name).filter(|field| !field.is_default())
    }

    /// A field that has to be there.
    pub(in crate::domain) fn need(&self, name: &str, reason: &str) -> Option<&Cursor<'a>> {
        let given = self.given(name);
        if given.is_none() {
            match self.get(name) {
                Some(empty) => empty.mistake(reason),
                None => self.object.lacks(name, reason),
            }
        }
        given
    }

    /// The elements of a list; none if it is absent.
    pub(in crate::domain) fn list(&self, name: &str) -> Vec<Cursor<'a>> {
        self.get(name).map(Cursor::list).unwrap_or_default()
    }

    /// A flag; false if it is absent.
    pub(in crate::domain) fn flag(&self, name: &str) -> bool {
        self.get(name).and_then(Cursor::flag).unwrap_or_default()
    }
}

/// The one of these names that a text resembles most, if it resembles one.
pub(super) fn nearest<'n>(text: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    // No name of ours is longer, and the comparison takes the product of both lengths.
    if text.len() > 40 {
        return None;
    }
    let plain = |text: &str| text.replace(['_', '-', ' '], "").to_lowercase();
    let text = plain(text);
    // Whoever leaves a word out, as in `image` for `image_ref`, is as near as one who mistypes a letter.
    let is_part = |name: &str| text.len() >= 3 && (name.starts_with(&text) || name.ends_with(&text));
    let distance = |name: &'n str| {
        let plain = plain(name);
        let bearable = (plain.len().min(text.len()) / 3).clamp(1, 3);
        let distance = if is_part(&plain) { 1 } else { strsim::damerau_levenshtein(&text, &plain) };
        (distance <= bearable).then_some((distance, name))
    };
    names.filter_map(distance).min_by_key(|(distance, _)| *distance).map(|(_, name)| name)
}

fn camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |text, word| {
        let (head, tail) = word.split_at(word.len().min(1));
        text + &head.to_uppercase() + tail
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_resembled() {
        let names = ["name", "image_ref", "env_vars", "workload_type"];
        let nearest = |text| nearest(text, names.into_iter());
        assert_eq!(nearest("imageref"), Some("image_ref"));
        assert_eq!(nearest("Image-Ref"), Some("image_ref"));
        assert_eq!(nearest("env_var"), Some("env_vars"));
        assert_eq!(nearest("envVras"), Some("env_vars"));
        assert_eq!(nearest("nmae"), Some("name"));
        assert_eq!(nearest("image"), Some("image_ref"));
        assert_eq!(nearest("workload"), Some("workload_type"));
        assert_eq!(nearest("xy"), None);
        assert_eq!(nearest("hunter2"), None);
        assert_eq!(nearest(""), None);
        assert_eq!(camel_case("workload_type"), "workloadType");
    }
}
