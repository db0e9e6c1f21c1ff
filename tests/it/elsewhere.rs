//! A daemon that is called over TLS, from another host as far as the command line can tell.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::{TcpListener, UnixStream};
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;

use crate::support::daemon::Daemon;
use crate::support::process::{self, Ran};
use crate::support::programs;
use crate::support::rig::temporary_folder;
use crate::support::rpc::Rpc;

/// A daemon behind a relay that speaks TLS as `127.0.0.1`, and a token for it.
struct Site {
    daemon: Daemon,
    port: u16,
    token_id: String,
    _relay: Runtime,
    folder: TempDir,
}

impl Site {
    fn new() -> Self {
        let folder = temporary_folder();
        let daemon = Daemon::start(folder.path());
        let mut root = Rpc::new(&daemon.socket());
        root.create(&json!({ "value": "x", "labels": [{ "name": "env", "value": "prod" }] }));
        root.create(&json!({ "value": "y" }));
        let made = root.make_token("elsewhere", &["vault/object:label:env=prod:list,describe"]).expect("a token");
        let content = json!({ "bearer_token": made["bearerToken"] });
        fs::write(folder.path().join("token.json"), content.to_string()).expect("a token file");
        let token_id = made["token"]["tokenId"].as_str().expect("an id").to_owned();
        let (port, relay) = relay(folder.path(), daemon.socket());
        Self { daemon, port, token_id, _relay: relay, folder }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// Lists the secrets from elsewhere, by this address and with these flags.
    fn list(&self, host: &str, flags: &[&str]) -> Ran {
        let (endpoint, token) = (format!("https://{host}:{}", self.port), self.path("token.json"));
        let args = ["vault", "list", "-o", "json", "--endpoint", &endpoint, "--token_file", &token];
        let mut command = Command::new(programs::ampoule());
        process::run(command.args(args).args(flags).env_clear(), b"")
    }
}

/// Certifies `127.0.0.1` and hands on what comes there to the socket, without a look at it.
fn relay(folder: &Path, socket: PathBuf) -> (u16, Runtime) {
    let (certificate, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    let mut openssl = Command::new(programs::system("openssl", "openssl"));
    openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]);
    openssl.args(["-subj", "/CN=ampoule", "-addext", "subjectAltName=IP:127.0.0.1"]);
    // An authority's own certificate can't be a server's too.
    openssl.args(["-addext", "basicConstraints=critical,CA:FALSE", "-out"]).arg(&certificate);
    process::run(openssl.arg("-keyout").arg(&key), b"").ok();
    let chain = CertificateDer::pem_file_iter(&certificate).expect("PEM").map(|der| der.expect("a certificate"));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().expect("versions");
    let key = PrivateKeyDer::from_pem_file(&key).expect("a key");
    let config = config.with_no_client_auth().with_single_cert(chain.collect(), key).expect("a certificate");
    let tls = TlsAcceptor::from(Arc::new(config));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("runtime");
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port");
    let port = listener.local_addr().expect("an address").port();
    runtime.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (tls, socket) = (tls.clone(), socket.clone());
            tokio::spawn(async move {
                // Who doesn't trust the certificate hangs up here.
                let Ok(mut near) = tls.accept(stream).await else { return };
                let mut far = UnixStream::connect(socket).await.expect("the daemon");
                let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
            });
        }
    });
    (port, runtime)
}

fn count(ran: Ran) -> usize {
    serde_json::from_slice::<Value>(&ran.ok().stdout).expect("JSON").as_array().expect("a list").len()
}

#[test]
fn a_daemon_elsewhere_sees_the_token_and_nobody_else() {
    let site = Site::new();
    let certificate = site.path("cert.pem");
    assert_eq!(count(site.list("127.0.0.1", &["--cacert", &certificate])), 1, "what the token may list");
    let entries = Rpc::new(&site.daemon.socket()).audit(0, "").0;
    let actor = &entries.last().expect("an entry")["actor"];
    assert_eq!((&actor["type"], &actor["id"]), (&json!("token"), &json!(site.token_id)));
    // The variables and the place that existing clients know.
    let login = site.folder.path().join("ns");
    fs::create_dir(&login).expect("a folder");
    fs::rename(site.path("token.json"), login.join("token.json")).expect("moved");
    let mut command = Command::new(programs::ampoule());
    command.args(["vault", "list", "-o", "json", "--cacert", &certificate]).env_clear();
    command.env("NSC_ENDPOINT", format!("https://127.0.0.1:{}", site.port)).env("XDG_CONFIG_HOME", site.folder.path());
    assert_eq!(count(process::run(&mut command, b"")), 1);
}

#[test]
fn whoever_is_not_certified_is_told_nothing() {
    let site = Site::new();
    let (certificate, empty) = (site.path("cert.pem"), site.path("empty.pem"));
    fs::write(&empty, "").expect("a file");
    let before = Rpc::new(&site.daemon.socket()).audit(0, "").0;
    for (host, flags, named) in [
        // Nobody knows the certificate; or it is somebody else's.
        ("127.0.0.1", &[][..], "--cacert"),
        ("localhost", &["--cacert", &certificate], "can't be called"),
        ("127.0.0.1", &["--cacert", &empty], "no certificate"),
        ("127.0.0.1", &["--cacert", "/nonexistent.pem"], "/nonexistent.pem can't be read"),
    ] {
        let refused = site.list(host, flags);
        assert!(refused.code() == 1 && refused.err().contains(named), "{host} {flags:?}: {}", refused.err());
    }
    assert_eq!(Rpc::new(&site.daemon.socket()).audit(0, "").0, before);
}
