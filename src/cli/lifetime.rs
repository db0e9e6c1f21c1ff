//! How long a token or an instance shall live.

use std::fmt;
use std::str::FromStr;

use jiff::SignedDuration;

/// A number and a unit: minutes, hours, days or weeks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lifetime(pub(super) SignedDuration);

/// A text that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct InvalidLifetime;

impl FromStr for Lifetime {
    type Err = InvalidLifetime;

    fn from_str(text: &str) -> Result<Self, InvalidLifetime> {
        let unit = text.chars().next_back().ok_or(InvalidLifetime)?;
        let minutes = match unit {
            'm' => 1,
            'h' => 60,
            'd' => 24 * 60,
            'w' => 7 * 24 * 60,
            _ => return Err(InvalidLifetime),
        };
        let number: u32 = text[..text.len() - 1].parse().map_err(|_| InvalidLifetime)?;
        if number == 0 {
            return Err(InvalidLifetime);
        }
        Ok(Self(SignedDuration::from_mins(i64::from(number) * minutes)))
    }
}

impl fmt::Display for InvalidLifetime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected a number and m, h, d or w, such as 30d")
    }
}

impl std::error::Error for InvalidLifetime {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_and_a_unit() {
        for (text, hours) in [("60m", 1), ("720h", 720), ("30d", 720), ("1w", 168)] {
            assert_eq!(text.parse(), Ok(Lifetime(SignedDuration::from_hours(hours))), "{text}");
        }
        for text in ["", "30", "d", "0d", "-1d", "1.5d", "30 d", "1y", "4294967296d", "3ö"] {
            assert_eq!(text.parse::<Lifetime>(), Err(InvalidLifetime), "{text}");
        }
    }
}
