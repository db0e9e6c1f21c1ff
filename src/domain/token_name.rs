//! What people call a token.

use std::fmt;
use std::str::FromStr;

/// A token's name: 1 to 128 bytes without control characters, and no space at either end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenName(String);

impl TokenName {
    const MOST: usize = 128;

    /// The name as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TokenName {
    type Err = InvalidTokenName;

    fn from_str(text: &str) -> Result<Self, InvalidTokenName> {
        let plain = text.trim() == text && !text.chars().any(char::is_control);
        if text.is_empty() || text.len() > Self::MOST || !plain {
            return Err(InvalidTokenName);
        }
        Ok(Self(text.to_owned()))
    }
}

/// A text that can't be a token's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidTokenName;

impl fmt::Display for InvalidTokenName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let most = TokenName::MOST;
        write!(f, "expected 1 to {most} bytes without control characters, and no space at either end")
    }
}

impl std::error::Error for InvalidTokenName {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_plain() {
        for name in ["ci", "the web's nodes", "größer", &"x".repeat(128)] {
            assert!(name.parse::<TokenName>().is_ok(), "{name}");
        }
        for name in ["", " ", " ci", "ci\n", "c\u{1b}i", &"x".repeat(129)] {
            assert_eq!(name.parse::<TokenName>(), Err(InvalidTokenName), "{name:?}");
        }
    }
}
