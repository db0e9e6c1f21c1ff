//! TLS (RFC 8446) for a listener, by a certificate that is read again when its files change.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::version::{TLS12, TLS13};
use tokio_rustls::TlsAcceptor;

use crate::config::TlsSettings;

/// A certificate and its key, with the time and size of their files when they were read.
pub struct Tls {
    settings: TlsSettings,
    loaded: Mutex<Loaded>,
}

struct Loaded {
    acceptor: TlsAcceptor,
    stamps: [Stamp; 2],
}

type Stamp = Option<(SystemTime, u64)>;

impl Tls {
    /// Reads the files, which must make sense now.
    pub fn load(settings: &TlsSettings) -> Result<Self, TlsError> {
        let loaded = Loaded { stamps: stamps(settings), acceptor: acceptor(settings)? };
        Ok(Self { settings: settings.clone(), loaded: Mutex::new(loaded) })
    }

    /// What the next connection is accepted by. Files that have changed are read again; if they make no sense, or not
    /// yet, those that were read before go on.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        let now = stamps(&self.settings);
        if now != loaded.stamps {
            loaded.stamps = now;
            match acceptor(&self.settings) {
                Ok(acceptor) => {
                    tracing::info!(certificate = %self.settings.certificate.display(), "certificate read again");
                    loaded.acceptor = acceptor;
                }
                Err(error) => tracing::error!(error = error.to_string(), "the certificate in use is kept"),
            }
        }
        loaded.acceptor.clone()
    }
}

fn stamps(settings: &TlsSettings) -> [Stamp; 2] {
    let stamp = |path: &PathBuf| {
        let meta = fs::metadata(path).ok()?;
        Some((meta.modified().ok()?, meta.len()))
    };
    [&settings.certificate, &settings.key].map(stamp)
}

fn acceptor(settings: &TlsSettings) -> Result<TlsAcceptor, TlsError> {
    let chain = CertificateDer::pem_file_iter(&settings.certificate).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let chain = chain.map_err(|error| TlsError::file(&settings.certificate, &error))?;
    let key = PrivateKeyDer::from_pem_file(&settings.key).map_err(|error| TlsError::file(&settings.key, &error))?;
    let versions = if settings.tls12 { &[&TLS13, &TLS12][..] } else { &[&TLS13][..] };
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(versions)
        .map(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .and_then(|config| config)
        .map_err(|error| TlsError { path: settings.certificate.clone(), reason: error.to_string() })?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// A certificate or key that can't be used.
#[derive(Debug, thiserror::Error)]
#[error("the TLS file {} can't be used: {reason}\nGive a certificate chain and its key in PEM, or make them by `ampoule tls init`.", path.display())]
pub struct TlsError {
    path: PathBuf,
    reason: String,
}

impl TlsError {
    fn file(path: &Path, error: &rustls::pki_types::pem::Error) -> Self {
        let reason = match error {
            rustls::pki_types::pem::Error::Io(error) if error.kind() == io::ErrorKind::NotFound => {
                "it is not there".to_owned()
            }
            // What the file holds is a key: nothing of it is shown.
            rustls::pki_types::pem::Error::Io(error) => error.to_string(),
            rustls::pki_types::pem::Error::NoItemsFound => "it holds nothing of the kind".to_owned(),
            _ => "it is not valid PEM".to_owned(),
        };
        Self { path: path.to_owned(), reason }
    }
}
