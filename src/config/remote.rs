//! Where the command line finds a daemon that is elsewhere, and the token that it shows there.
#![allow(clippy::doc_markdown, reason = "these comments are the help that people read, where backticks are noise")]

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::{ClientFlags, ConfigError, Environment, client_socket};

/// The flags of a client that may be elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq, clap::Args)]
pub struct RemoteFlags {
    /// A daemon elsewhere, https://HOST or https://HOST:PORT, called with a token [env: NSC_ENDPOINT]
    #[arg(long, value_name = "URL", global = true, help_heading = "Global options", conflicts_with = "socket")]
    pub endpoint: Option<Endpoint>,
    /// The token to call with; `login` and `token create` write theirs there [env: NSC_TOKEN_FILE] [default:
    /// /var/run/nsc/token.json, ~/.config/ns/token.json; none on the socket]
    #[arg(
        long = "token_file",
        alias = "token-file",
        value_name = "FILE",
        global = true,
        help_heading = "Global options"
    )]
    pub token_file: Option<PathBuf>,
    /// The certificates to trust in place of the system's, in PEM
    #[arg(long, value_name = "FILE", global = true, help_heading = "Global options")]
    pub cacert: Option<PathBuf>,
}

/// The daemon that a client calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// On this host.
    Socket(PathBuf),
    /// Elsewhere.
    Endpoint(Endpoint),
}

/// An address that is called over TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    host: String,
    port: u16,
}

impl Destination {
    /// The one that flags name, else the one that variables name, else the socket of this host.
    pub fn of(environment: &Environment, client: &ClientFlags, remote: &RemoteFlags) -> Result<Self, ConfigError> {
        if let Some(endpoint) = &remote.endpoint {
            return Ok(Self::Endpoint(endpoint.clone()));
        }
        // Our own variable is about this program; the other one may be meant for others.
        let named = client.clone().over(environment.client_flags()).socket.is_some();
        match environment.endpoint()?.filter(|_| !named) {
            Some(endpoint) => Ok(Self::Endpoint(endpoint)),
            None => client_socket(environment, client).map(Self::Socket),
        }
    }
}

/// The token file to read: the one that a flag or a variable names, else the first that is there of those where clients
/// look.
pub fn token_file(environment: &Environment, named: Option<&Path>) -> Option<PathBuf> {
    let named = named.or(environment.named_token_file()).map(Path::to_owned);
    named.or_else(|| environment.token_files().into_iter().find(|path| path.exists()))
}

impl Endpoint {
    /// The name or address, without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Both, as they are written in a request.
    pub fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "https://{}", self.authority())
    }
}

impl FromStr for Endpoint {
    type Err = InvalidEndpoint;

    fn from_str(text: &str) -> Result<Self, InvalidEndpoint> {
        let uri: http::Uri = text.parse().map_err(|_| InvalidEndpoint)?;
        let plain = uri.path() == "/" && uri.query().is_none() && !text.contains(['@', '#']);
        let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        if uri.scheme_str() != Some("https") || host.is_empty() || !plain {
            return Err(InvalidEndpoint);
        }
        Ok(Self { host: host.to_owned(), port: uri.port_u16().unwrap_or(443) })
    }
}

/// A text that is no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidEndpoint;

impl fmt::Display for InvalidEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected https://HOST or https://HOST:PORT")
    }
}

impl std::error::Error for InvalidEndpoint {}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(text: &str) -> Endpoint {
        text.parse().expect(text)
    }

    #[test]
    fn endpoints_are_https_and_nothing_more() {
        for (text, host, port) in [
            ("https://vault.example", "vault.example", 443),
            ("https://vault.example:8443/", "vault.example", 8443),
            ("https://127.0.0.1:1", "127.0.0.1", 1),
            ("https://[::1]:8443", "::1", 8443),
        ] {
            let endpoint = endpoint(text);
            assert_eq!((endpoint.host(), endpoint.port()), (host, port));
            assert_eq!(endpoint.to_string().parse(), Ok(endpoint));
        }
        for text in
            ["", "vault.example", "http://vault.example", "https://", "https://v/x", "https://u:p@v", "https://v?q"]
        {
            assert!(text.parse::<Endpoint>().is_err(), "{text}");
        }
    }

    #[test]
    fn flags_win_over_our_variable_and_that_over_the_one_of_others() {
        let variables = [("AMPOULE_SOCKET", "/a"), ("NSC_ENDPOINT", "https://n")];
        let (both, theirs) = (Environment::new(variables, 0), Environment::new([variables[1]], 0));
        let remote = RemoteFlags { endpoint: Some(endpoint("https://f")), ..RemoteFlags::default() };
        let socket = ClientFlags { socket: Some("/f".into()), ..ClientFlags::default() };
        let (no_client, no_remote) = (ClientFlags::default(), RemoteFlags::default());
        for (environment, client, remote, expected) in [
            (&both, &no_client, &remote, Destination::Endpoint(endpoint("https://f"))),
            (&both, &no_client, &no_remote, Destination::Socket("/a".into())),
            (&theirs, &no_client, &no_remote, Destination::Endpoint(endpoint("https://n"))),
            (&theirs, &socket, &no_remote, Destination::Socket("/f".into())),
        ] {
            assert_eq!(Destination::of(environment, client, remote).expect("a destination"), expected);
        }
        let wrong = Environment::new([("NSC_ENDPOINT", "http://hunter2")], 0);
        let error = Destination::of(&wrong, &no_client, &no_remote).expect_err("not https").to_string();
        assert!(error.contains("NSC_ENDPOINT") && !error.contains("hunter2"), "{error}");
    }

    #[test]
    fn token_files_are_where_clients_look() {
        let folder = tempfile::tempdir().expect("a folder");
        let home = folder.path().to_str().expect("UTF-8");
        let own = folder.path().join("ns/token.json");
        let environment = Environment::new([("XDG_CONFIG_HOME", home)], 1000);
        assert_eq!(environment.own_token_file(), Some(own.clone()));
        std::fs::create_dir(folder.path().join("ns")).expect("a folder");
        std::fs::write(&own, "{}").expect("a file");
        assert_eq!(token_file(&environment, None), Some(own));
        assert_eq!(token_file(&environment, Some(Path::new("/named"))), Some("/named".into()));
        let set = Environment::new([("XDG_CONFIG_HOME", home), ("NSC_TOKEN_FILE", "/not/there")], 1000);
        assert_eq!(token_file(&set, None), Some("/not/there".into()), "the variable is an order, not a place to look");
    }
}
