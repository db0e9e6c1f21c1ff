//! A daemon elsewhere, called over TLS.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ampoule_proto::call::{self, Answer, Daemon, Sending, Streaming};
use buffa::Message;
use http::{HeaderName, HeaderValue};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::CliError;
use crate::config::Endpoint;

/// How long a connection may take until it is encrypted.
const CONNECT: Duration = Duration::from_secs(30);

/// The way to a daemon elsewhere.
pub(super) struct Remote {
    endpoint: Endpoint,
    name: ServerName<'static>,
    tls: TlsConnector,
    tls_for_http2: TlsConnector,
}

impl Remote {
    /// Trusts the certificates of this file, or without one those of the system.
    pub(super) fn new(endpoint: Endpoint, cacert: Option<&Path>) -> Result<Self, CliError> {
        let roots = match cacert {
            Some(path) => of_file(path)?,
            None => of_system()?,
        };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config =
            config.map_err(|error| CliError::System { what: "TLS can't be had", error: io::Error::other(error) })?;
        let mut config = config.with_root_certificates(roots).with_no_client_auth();
        let mut for_http2 = config.clone();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        for_http2.alpn_protocols = vec![b"h2".to_vec()];
        let name = ServerName::try_from(endpoint.host().to_owned());
        let name =
            name.map_err(|error| CliError::Connect { endpoint: endpoint.to_string(), error: io::Error::other(error) })?;
        let [tls, tls_for_http2] = [config, for_http2].map(|config| TlsConnector::from(Arc::new(config)));
        Ok(Self { endpoint, name, tls, tls_for_http2 })
    }

    /// Calls a method once.
    pub(super) async fn call<Q: Message, A: Message>(
        &self,
        method: &'static str,
        headers: &[(HeaderName, HeaderValue)],
        request: &Q,
    ) -> Result<Answer<A>, CliError> {
        let (stream, daemon) = (self.connect().await?, self.daemon()?);
        Ok(call::exchange(stream, &daemon, method, headers, request).await?)
    }

    /// Calls a method that answers by many messages.
    pub(super) async fn stream<Q: Message, A: Message>(
        &self,
        method: &'static str,
        headers: &[(HeaderName, HeaderValue)],
        request: &Q,
    ) -> Result<Streaming<A>, CliError> {
        let (stream, daemon) = (self.connect().await?, self.daemon()?);
        Ok(call::stream_on(stream, &daemon, method, headers, request).await?)
    }

    /// Calls a method both of whose sides stream.
    pub(super) async fn duplex<Q: Message, A: Message>(
        &self,
        method: &'static str,
        headers: &[(HeaderName, HeaderValue)],
        first: &Q,
    ) -> Result<(Sending<Q>, Streaming<A>), CliError> {
        let (stream, daemon) = (self.connect_by(&self.tls_for_http2).await?, self.daemon()?);
        Ok(call::duplex_on(stream, &daemon, "https", method, headers, first).await?)
    }

    fn daemon(&self) -> Result<Daemon, CliError> {
        let host = HeaderValue::from_str(&self.endpoint.authority());
        let host = host.map_err(|error| self.failed(io::Error::other(error)))?;
        Ok(Daemon { host, place: self.endpoint.to_string() })
    }

    /// Fails if it isn't there, or isn't the one that it should be.
    pub(super) async fn reach(&self) -> Result<(), CliError> {
        self.connect().await.map(drop)
    }

    async fn connect(&self) -> Result<TlsStream<TcpStream>, CliError> {
        self.connect_by(&self.tls).await
    }

    async fn connect_by(&self, tls: &TlsConnector) -> Result<TlsStream<TcpStream>, CliError> {
        let connected = tokio::time::timeout(CONNECT, self.encrypted(tls)).await;
        connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())).map_err(|error| self.failed(error))
    }

    async fn encrypted(&self, tls: &TlsConnector) -> io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect((self.endpoint.host(), self.endpoint.port())).await?;
        stream.set_nodelay(true)?;
        tls.connect(self.name.clone(), stream).await
    }

    fn failed(&self, error: io::Error) -> CliError {
        CliError::Connect { endpoint: self.endpoint.to_string(), error }
    }
}

fn of_file(path: &Path) -> Result<RootCertStore, CliError> {
    let failed = |reason: String| CliError::Input { path: path.to_owned(), reason };
    let mut roots = RootCertStore::empty();
    let text = fs::read(path).map_err(|error| CliError::Read { path: path.to_owned(), error })?;
    for certificate in CertificateDer::pem_slice_iter(&text) {
        let certificate = certificate.map_err(|error| failed(error.to_string()))?;
        roots.add(certificate).map_err(|error| failed(error.to_string()))?;
    }
    if roots.is_empty() { Err(failed("there is no certificate in it: expected PEM".to_owned())) } else { Ok(roots) }
}

/// As many of the system's as make sense: one that doesn't must not keep the others from being used.
fn of_system() -> Result<RootCertStore, CliError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() { Err(CliError::NoRoots) } else { Ok(roots) }
}
