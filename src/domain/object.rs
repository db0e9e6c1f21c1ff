//! A secret: what never changes, what does, and the rules of its parts.

use std::fmt;

use super::{Label, ObjectId, SecretBytes, Timestamp, Version};

/// A secret without its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Its identifier.
    pub id: ObjectId,
    /// Free text.
    pub description: Description,
    /// Whether a value may ever leave through the API. Permanent.
    pub revealable: bool,
    /// Shared by all versions. Permanent.
    pub labels: Labels,
    /// The newest version.
    pub current: VersionInfo,
    /// When it was deleted, if it was.
    pub deleted_at: Option<Timestamp>,
}

/// One version, without its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VersionInfo {
    /// Its number.
    pub version: Version,
    /// When it was stored.
    pub created_at: Timestamp,
}

/// Free text of at most 4 KiB.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description(String);

impl Description {
    /// The longest description, in bytes.
    pub const MOST: usize = 4096;

    /// Checks the length, and that there is no NUL.
    pub fn new(text: String) -> Result<Self, InvalidObject> {
        if text.len() > Self::MOST {
            return Err(InvalidObject::DescriptionTooLong { bytes: text.len() });
        }
        if text.contains('\0') {
            return Err(InvalidObject::DescriptionHasNul);
        }
        Ok(Self(text))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// At most 64 labels with distinct names, in the order given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels(Vec<Label>);

impl Labels {
    /// The most labels that a secret can have.
    pub const MOST: usize = 64;

    /// Checks the number, and that no name is given twice.
    pub fn new(labels: Vec<Label>) -> Result<Self, InvalidObject> {
        if labels.len() > Self::MOST {
            return Err(InvalidObject::TooManyLabels { count: labels.len() });
        }
        for (place, label) in labels.iter().enumerate() {
            if labels[..place].iter().any(|earlier| earlier.name() == label.name()) {
                return Err(InvalidObject::LabelTwice { name: label.name().to_owned() });
            }
        }
        Ok(Self(labels))
    }

    /// The value of the label of this name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|label| label.name() == name).map(Label::value)
    }

    /// The labels, in the order given.
    pub fn iter(&self) -> impl Iterator<Item = &Label> {
        self.0.iter()
    }
}

/// A value as the vault accepts it: UTF-8 without NUL, 1 byte to 64 KiB.
pub struct SecretValue(SecretBytes);

impl SecretValue {
    /// The longest value, in bytes.
    pub const MOST: usize = 64 * 1024;

    /// Checks the rules.
    pub fn new(value: SecretBytes) -> Result<Self, InvalidObject> {
        let bytes = value.expose();
        match bytes.len() {
            0 => Err(InvalidObject::ValueEmpty),
            length if length > Self::MOST => Err(InvalidObject::ValueTooLong { bytes: length }),
            _ if bytes.contains(&0) => Err(InvalidObject::ValueHasNul),
            _ if std::str::from_utf8(bytes).is_err() => Err(InvalidObject::ValueNotUtf8),
            _ => Ok(Self(value)),
        }
    }

    /// The value.
    pub fn as_secret(&self) -> &SecretBytes {
        &self.0
    }

    /// The value, moved out.
    pub fn into_secret(self) -> SecretBytes {
        self.0
    }
}

/// Why a part of a secret can't be accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InvalidObject {
    /// More than [`Description::MOST`].
    DescriptionTooLong {
        /// Its length.
        bytes: usize,
    },
    /// A NUL in the description.
    DescriptionHasNul,
    /// More than [`Labels::MOST`].
    TooManyLabels {
        /// How many.
        count: usize,
    },
    /// Two labels of one name.
    LabelTwice {
        /// The name.
        name: String,
    },
    /// No byte.
    ValueEmpty,
    /// More than [`SecretValue::MOST`].
    ValueTooLong {
        /// Its length.
        bytes: usize,
    },
    /// A NUL in the value: no environment variable could hold it.
    ValueHasNul,
    /// Not UTF-8: neither JSON nor protobuf could carry it.
    ValueNotUtf8,
}

impl fmt::Display for InvalidObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DescriptionTooLong { bytes } => {
                write!(f, "description has {bytes} bytes: at most {} are allowed", Description::MOST)
            }
            Self::DescriptionHasNul => f.write_str("description contains a NUL: remove it"),
            Self::TooManyLabels { count } => write!(f, "{count} labels: at most {} are allowed", Labels::MOST),
            Self::LabelTwice { name } => write!(f, "label \"{name}\" is given twice: give it once"),
            Self::ValueEmpty => f.write_str("the value is empty: a secret has at least 1 byte"),
            Self::ValueTooLong { bytes } => {
                write!(f, "the value has {bytes} bytes: at most {} are allowed", SecretValue::MOST)
            }
            Self::ValueHasNul => {
                f.write_str("the value contains a NUL, which no environment variable can hold: encode it, as base64")
            }
            Self::ValueNotUtf8 => f.write_str("the value is not UTF-8: encode it, as base64"),
        }
    }
}

impl std::error::Error for InvalidObject {}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(value: &[u8]) -> Option<InvalidObject> {
        SecretValue::new(SecretBytes::from(value.to_vec())).err()
    }

    #[test]
    fn values_are_text_of_1_byte_to_64_kib() {
        assert_eq!(refusal(b"x"), None);
        assert_eq!(refusal("ü\n\"'".as_bytes()), None);
        assert_eq!(refusal(&vec![b'x'; 65_536]), None);
        assert_eq!(refusal(b""), Some(InvalidObject::ValueEmpty));
        assert_eq!(refusal(&vec![b'x'; 65_537]), Some(InvalidObject::ValueTooLong { bytes: 65_537 }));
        assert_eq!(refusal(b"a\0b"), Some(InvalidObject::ValueHasNul));
        assert_eq!(refusal(b"\xff"), Some(InvalidObject::ValueNotUtf8));
    }

    #[test]
    fn a_label_name_stands_once() {
        let twice = vec![Label::new("a", "1").expect("label"), Label::new("a", "2").expect("label")];
        assert_eq!(Labels::new(twice), Err(InvalidObject::LabelTwice { name: "a".to_owned() }));
    }
}
