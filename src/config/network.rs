//! Where the daemon listens on the network, and how much of everything a client may have.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use super::ConfigError;
use super::file::absolute;

/// One listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenSettings {
    /// Where.
    pub address: SocketAddr,
    /// With which certificate; plain HTTP, on a loopback address, if there is none.
    pub tls: Option<TlsSettings>,
}

/// A certificate and what may be spoken with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsSettings {
    /// The chain, in PEM.
    pub certificate: PathBuf,
    /// Its private key, in PEM.
    pub key: PathBuf,
    /// Whether TLS 1.2 is allowed beside 1.3.
    pub tls12: bool,
}

impl TlsSettings {
    /// The files that it names.
    pub fn files(&self) -> [PathBuf; 2] {
        [self.certificate.clone(), self.key.clone()]
    }
}

/// How much of everything a client may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections of one listener.
    pub connections: usize,
    /// Calls at once, of all clients together.
    pub requests: usize,
    /// Calls a second of one user or token; 0 is no limit.
    pub requests_per_second: u32,
    /// Calls at once on one HTTP/2 connection.
    pub streams: u32,
    /// Bytes of one request.
    pub body_bytes: usize,
    /// For a request's headers, or a TLS handshake.
    pub headers: Duration,
    /// From a request's headers to its answer, its body included.
    pub call: Duration,
    /// Without a byte in either direction.
    pub idle: Duration,
}

/// An item of `listen`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Listen {
    address: SocketAddr,
    #[serde(default, deserialize_with = "absolute")]
    certificate: Option<PathBuf>,
    #[serde(default, deserialize_with = "absolute")]
    key: Option<PathBuf>,
    #[serde(default)]
    tls12: bool,
    #[serde(default)]
    plaintext: bool,
}

/// The key `limits`. Times are in seconds.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Numbers {
    connections: Option<NonZeroU32>,
    requests: Option<NonZeroU32>,
    requests_per_second: Option<u32>,
    header_seconds: Option<NonZeroU32>,
    call_seconds: Option<NonZeroU32>,
    idle_seconds: Option<NonZeroU32>,
    body_bytes: Option<NonZeroU32>,
}

impl Listen {
    pub(super) fn settings(self, state_dir: &Path) -> Result<ListenSettings, ConfigError> {
        let Self { address, certificate, key, tls12, plaintext } = self;
        let made = state_dir.join("tls");
        let tls = match (certificate, key, plaintext) {
            (Some(certificate), Some(key), false) => Some(TlsSettings { certificate, key, tls12 }),
            // What `ampoule tls init` makes.
            (None, None, false) => {
                Some(TlsSettings { certificate: made.join("server.crt"), key: made.join("server.key"), tls12 })
            }
            (None, None, true) if address.ip().is_loopback() => None,
            (None, None, true) => return Err(ConfigError::PlaintextOnNetwork { address }),
            _ => return Err(ConfigError::Certificate { address }),
        };
        Ok(ListenSettings { address, tls })
    }
}

impl Numbers {
    pub(super) fn settings(&self) -> Limits {
        let count = |set: Option<NonZeroU32>, default: usize| {
            set.and_then(|number| usize::try_from(number.get()).ok()).unwrap_or(default)
        };
        let seconds =
            |set: Option<NonZeroU32>, default: u64| Duration::from_secs(set.map_or(default, |n| u64::from(n.get())));
        Limits {
            connections: count(self.connections, 4096),
            requests: count(self.requests, 1024),
            requests_per_second: self.requests_per_second.unwrap_or(0),
            streams: 128,
            // 1,024 references, or a value of 64 KiB escaped as JSON, and some room.
            body_bytes: count(self.body_bytes, 1 << 20),
            headers: seconds(self.header_seconds, 10),
            call: seconds(self.call_seconds, 30),
            idle: seconds(self.idle_seconds, 60),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Numbers::default().settings()
    }
}
