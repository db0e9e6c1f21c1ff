//! Who asks.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

/// Who sent a request, as far as that is certain, and which request it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Who.
    pub identity: Identity,
    /// Which request, for finding all of its entries in the log.
    pub request: RequestId,
}

/// The authenticated origin of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// A process on this host, known by the kernel's word (`SO_PEERCRED`, unix(7)).
    Peer(Peer),
    /// Whoever holds a token.
    Token {
        /// Which token.
        id: TokenId,
        /// Where the connection comes from.
        from: Origin,
    },
    /// Nobody known: what was presented is no token that counts.
    Anonymous(Origin),
    /// The daemon itself.
    Daemon,
}

/// Where a connection comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The network.
    Address(SocketAddr),
    /// A process on this host.
    Peer(Peer),
}

/// The credentials of a process at the moment it connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Effective user id.
    pub uid: u32,
    /// Effective group id.
    pub gid: u32,
    /// Process id, if the kernel could tell it in our namespace.
    pub pid: Option<i32>,
}

/// A request's name in the log: `req_` and 16 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestId(u64);

impl RequestId {
    /// The id of this number, which no other request has.
    pub fn new(number: u64) -> Self {
        Self(number)
    }

    /// Its number.
    pub fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "req_{:016x}", self.0)
    }
}

impl FromStr for RequestId {
    type Err = InvalidRequestId;

    fn from_str(text: &str) -> Result<Self, InvalidRequestId> {
        let number = text.strip_prefix("req_").and_then(|digits| u64::from_str_radix(digits, 16).ok());
        // The number's only spelling.
        number.map(Self).filter(|id| id.to_string() == text).ok_or(InvalidRequestId)
    }
}

/// A text that names no request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidRequestId;

impl fmt::Display for InvalidRequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected req_ and 16 hexadecimal digits")
    }
}

impl std::error::Error for InvalidRequestId {}

/// A token's identifier: `tok_` and lower-case letters and digits. Not the token itself, which only its holder knows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenId(String);

impl TokenId {
    /// What every identifier of a token begins with.
    pub const PREFIX: &'static str = "tok_";

    /// Makes an identifier from 20 random bytes, of which each gives five bits.
    pub fn from_random(random: [u8; 20]) -> Self {
        const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
        let tail = random.map(|byte| char::from(ALPHABET[usize::from(byte % 32)]));
        Self(Self::PREFIX.chars().chain(tail).collect())
    }

    /// The identifier as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for TokenId {
    type Err = InvalidTokenId;

    fn from_str(text: &str) -> Result<Self, InvalidTokenId> {
        let tail = text.strip_prefix(Self::PREFIX).unwrap_or_default();
        let plain = tail.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        if tail.is_empty() || tail.len() > 64 || !plain {
            return Err(InvalidTokenId);
        }
        Ok(Self(text.to_owned()))
    }
}

/// A text that is no token's identifier; not repeated, since it may be the token itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidTokenId;

impl fmt::Display for InvalidTokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a token id: expected tok_ and at most 64 lower-case letters and digits")
    }
}

impl std::error::Error for InvalidTokenId {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_back() {
        for number in [0, 1, u64::MAX] {
            let id = RequestId::new(number);
            assert_eq!(id.to_string().parse(), Ok(id));
        }
        for text in ["", "req_", "req_1", "req_+000000000000001", "req_000000000000000A", "req_0123456789abcdef0"] {
            assert_eq!(text.parse::<RequestId>(), Err(InvalidRequestId), "{text}");
        }
    }

    #[test]
    fn a_token_is_not_mistaken_for_its_id() {
        assert!("tok_abc234".parse::<TokenId>().is_ok());
        let error = "amp_correct-horse-battery-staple".parse::<TokenId>().expect_err("no id").to_string();
        assert!(!error.contains("battery"), "{error}");
    }
}
