//! Names that are parsed once and then hold a proof.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

/// A secret's identifier: `sec_` and lower-case letters and digits.
///
/// The daemon makes them of the time and 80 random bits in base32hex (RFC 4648, section 7, lower case), so that they sort
/// by age: a database then adds new ones at the end of its indexes (RFC 9562, section 6.11). Any other tail of up to 64
/// lower-case letters and digits is accepted and simply names nothing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId(String);

impl ObjectId {
    /// What every identifier of a secret begins with.
    pub const PREFIX: &'static str = "sec_";

    /// Makes an identifier from the time, in milliseconds since 1970 (45 bits of it), and 16 random bytes, of which each
    /// gives five bits.
    pub fn new(milliseconds: u64, random: [u8; 16]) -> Self {
        let time = (0..9).rev().map(|digit| milliseconds >> (5 * digit));
        let tail = time.chain(random.map(u64::from)).map(|bits| {
            // In the order of ASCII, which is how databases sort.
            char::from(b"0123456789abcdefghijklmnopqrstuv"[usize::try_from(bits % 32).unwrap_or_default()])
        });
        Self(Self::PREFIX.chars().chain(tail).collect())
    }

    /// The identifier as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ObjectId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let tail = text.strip_prefix(Self::PREFIX).unwrap_or_default();
        let plain = tail.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        if tail.is_empty() || tail.len() > 64 || !plain {
            return Err(InvalidId);
        }
        Ok(Self(text.to_owned()))
    }
}

/// A text that is no secret's identifier; not repeated, since it may be the secret itself, put in the wrong place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidId;

impl fmt::Display for InvalidId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a secret id: expected sec_ and at most 64 lower-case letters and digits")
    }
}

impl std::error::Error for InvalidId {}

/// A secret's version: a decimal number counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(NonZeroU64);

impl Version {
    /// The version that `CreateObject` stores.
    pub const FIRST: Self = Self(NonZeroU64::MIN);

    /// The version of this number, unless it is 0.
    pub fn new(number: u64) -> Option<Self> {
        NonZeroU64::new(number).map(Self)
    }

    /// The version after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The number.
    pub fn get(self) -> u64 {
        self.0.get()
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Version {
    type Err = InvalidVersion;

    fn from_str(text: &str) -> Result<Self, InvalidVersion> {
        let decimal = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
        decimal
            .then(|| text.parse().ok())
            .flatten()
            // SQLite and PostgreSQL count in signed 64-bit integers.
            .filter(|number: &u64| i64::try_from(*number).is_ok())
            .and_then(Self::new)
            .ok_or(InvalidVersion)
    }
}

/// A text that is no version; not repeated, since it may be the secret itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidVersion;

impl fmt::Display for InvalidVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a version: expected a decimal number such as 1")
    }
}

impl std::error::Error for InvalidVersion {}

/// An environment variable's name: `[A-Za-z_][A-Za-z0-9_]*` (POSIX.1-2017, 8.1, and lower case), at most 255 bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EnvName(String);

impl EnvName {
    /// The name as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EnvName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for EnvName {
    type Err = InvalidEnvName;

    fn from_str(text: &str) -> Result<Self, InvalidEnvName> {
        let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        let digit_first = text.bytes().next().is_some_and(|b| b.is_ascii_digit());
        if text.is_empty() || text.len() > 255 || digit_first || !text.bytes().all(fits) {
            return Err(InvalidEnvName);
        }
        Ok(Self(text.to_owned()))
    }
}

/// A text that is no environment variable's name; not repeated, since it may be the value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidEnvName;

impl fmt::Display for InvalidEnvName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a variable name: expected at most 255 letters, digits and _, not beginning with a digit")
    }
}

impl std::error::Error for InvalidEnvName {}

/// A label's name and value, shared by all versions of a secret.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Label {
    name: String,
    value: String,
}

impl Label {
    /// Checks the name (at most 63 bytes, `^[a-z]([a-z0-9-.]*[a-z0-9])?$`) and the value (at most 255 bytes).
    pub fn new(name: &str, value: &str) -> Result<Self, InvalidLabel> {
        if !is_label_name(name) {
            return Err(InvalidLabel::Name { name: excerpt(name) });
        }
        if value.len() > 255 || value.contains('\0') {
            return Err(InvalidLabel::Value { name: name.to_owned(), bytes: value.len() });
        }
        Ok(Self { name: name.to_owned(), value: value.to_owned() })
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The value.
    pub fn value(&self) -> &str {
        &self.value
    }
}

/// Whether a text can be a label's name.
pub fn is_label_name(name: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.';
    let ends_well = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    name.len() <= 63
        && name.bytes().next().is_some_and(|b| b.is_ascii_lowercase())
        && name.bytes().last().is_some_and(ends_well)
        && name.bytes().all(inner)
}

impl FromStr for Label {
    type Err = InvalidLabel;

    /// Reads `name=value`.
    fn from_str(text: &str) -> Result<Self, InvalidLabel> {
        let (name, value) = text.split_once('=').ok_or(InvalidLabel::NoEquals)?;
        Self::new(name, value)
    }
}

/// Why a text is no label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InvalidLabel {
    /// `name=value` was expected.
    NoEquals,
    /// The name breaks its rule.
    Name {
        /// What was given, shortened.
        name: String,
    },
    /// The value is too long or holds a NUL.
    Value {
        /// The label's name.
        name: String,
        /// The value's length.
        bytes: usize,
    },
}

impl fmt::Display for InvalidLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoEquals => f.write_str("not a label: expected name=value"),
            Self::Name { name } => write!(
                f,
                "\"{name}\" is not a label name: expected at most 63 of a-z, 0-9, - and ., \
                 beginning with a letter and ending with a letter or digit"
            ),
            Self::Value { name, bytes } => {
                write!(f, "label \"{name}\" has a value of {bytes} bytes: at most 255 without NUL are allowed")
            }
        }
    }
}

impl std::error::Error for InvalidLabel {}

/// The beginning of a key that somebody else wrote, safe to print in one line of an error.
///
/// Short on purpose, and cut at the first `=`: a value that was put where a key belongs must not end up in a log.
pub fn excerpt(key: &str) -> String {
    const MOST: usize = 16;
    let name = key.split_inclusive('=').next().unwrap_or_default();
    let mut shown: String = name.chars().take(MOST).flat_map(char::escape_default).collect();
    if key.len() > name.len() || name.chars().count() > MOST {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_made_id_parses() {
        let id = ObjectId::new(1_700_000_000_000, [255; 16]);
        assert_eq!(id.as_str(), "sec_1hf7uaq00vvvvvvvvvvvvvvvv");
        assert_eq!(id.as_str().parse(), Ok(id));
    }

    #[test]
    fn a_later_id_sorts_after_an_earlier_one() {
        let times = [0, 1, 31, 32, 1_700_000_000_000, 1_700_000_000_001, (1 << 45) - 1];
        assert!(times.is_sorted_by_key(|time| ObjectId::new(*time, [255; 16]).as_str().to_owned()));
        assert!(ObjectId::new(31, [255; 16]) < ObjectId::new(32, [0; 16]));
    }

    #[test]
    fn malformed_ids_are_refused() {
        for text in ["", "sec_", "sec", "SEC_abc", "sec_ABC", "sec_a b", "sec_a\0", "tok_abc", " sec_abc"] {
            assert!(text.parse::<ObjectId>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn versions_are_decimal_and_positive() {
        assert_eq!("12".parse(), Ok(Version::new(12).expect("not zero")));
        for text in ["", "0", "01", "+1", "-1", "1.0", "1 ", "9223372036854775808", "99999999999999999999999"] {
            assert!(text.parse::<Version>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn variable_names_follow_posix() {
        for text in ["A", "_", "a1_B"] {
            assert!(text.parse::<EnvName>().is_ok(), "{text:?}");
        }
        for text in ["", "1A", "A=B", "A\0", "A-B", "ä"] {
            assert!(text.parse::<EnvName>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn label_rules_of_the_contract() {
        for text in ["a=", "env=prod", "a.b-c=x=y"] {
            assert!(text.parse::<Label>().is_ok(), "{text:?}");
        }
        for text in ["", "=x", "A=x", "1a=x", "a-=x", "a_b=x", "env"] {
            assert!(text.parse::<Label>().is_err(), "{text:?}");
        }
        assert!(Label::new(&"a".repeat(63), &"v".repeat(255)).is_ok());
        assert!(Label::new(&"a".repeat(64), "v").is_err());
        assert!(Label::new("a", &"v".repeat(256)).is_err());
    }

    #[test]
    fn an_error_shows_at_most_the_beginning_of_a_key() {
        let named = Label::new("Correct-horse-battery-staple", "").expect_err("no name").to_string();
        assert!(named.contains("Correct-horse") && !named.contains("staple"), "{named}");
        assert_eq!(excerpt("PIN=1234"), "PIN=…");
    }
}
