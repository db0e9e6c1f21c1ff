//! A daemon that is called over TLS, from another host as far as the command line can tell.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::network::Network;
use crate::support::process::{self, Ran};
use crate::support::programs;
use crate::support::rig::temporary_folder;
use crate::support::rpc::Rpc;

/// A daemon whose certificate, as `127.0.0.1`, is signed by itself, and a token for it.
struct Site {
    network: Network,
    token_id: String,
    certificates: TempDir,
}

impl Site {
    fn new() -> Self {
        let certificates = temporary_folder();
        let [certificate, key] = ["cert.pem", "key.pem"].map(|name| certificates.path().join(name));
        let mut openssl = Command::new(programs::system("openssl", "openssl"));
        openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]);
        openssl.args(["-subj", "/CN=ampoule", "-addext", "subjectAltName=IP:127.0.0.1"]);
        // An authority's own certificate can't be a server's too.
        openssl.args(["-addext", "basicConstraints=critical,CA:FALSE", "-out"]).arg(&certificate);
        process::run(openssl.arg("-keyout").arg(&key), b"").ok();
        let listener = format!(", certificate: {}, key: {}", certificate.display(), key.display());
        let network = Network::certified(&["unused.test"], &listener, "");
        let mut root = Rpc::new(&network.daemon.socket());
        root.create(&json!({ "value": "x", "labels": [{ "name": "env", "value": "prod" }] }));
        root.create(&json!({ "value": "y" }));
        let made = root.make_token("elsewhere", &["vault/object:label:env=prod:list,describe"]).expect("a token");
        let content = json!({ "bearer_token": made["bearerToken"] });
        fs::write(network.path("token.json"), content.to_string()).expect("a token file");
        let token_id = made["token"]["tokenId"].as_str().expect("an id").to_owned();
        Self { network, token_id, certificates }
    }

    fn path(&self, name: &str) -> String {
        self.network.path(name).display().to_string()
    }

    fn certificate(&self) -> String {
        self.certificates.path().join("cert.pem").display().to_string()
    }

    /// Lists the secrets from elsewhere, by this address and with these flags.
    fn list(&self, host: &str, flags: &[&str]) -> Ran {
        let (endpoint, token) = (format!("https://{host}:{}", self.network.https.port()), self.path("token.json"));
        let args = ["vault", "list", "-o", "json", "--endpoint", &endpoint, "--token_file", &token];
        let mut command = Command::new(programs::ampoule());
        process::run(command.args(args).args(flags).env_clear(), b"")
    }
}

fn count(ran: Ran) -> usize {
    serde_json::from_slice::<Value>(&ran.ok().stdout).expect("JSON").as_array().expect("a list").len()
}

#[test]
fn a_daemon_elsewhere_sees_the_token_and_nobody_else() {
    let site = Site::new();
    let certificate = site.certificate();
    assert_eq!(count(site.list("127.0.0.1", &["--cacert", &certificate])), 1, "what the token may list");
    let entries = Rpc::new(&site.network.daemon.socket()).audit(0, "").0;
    let actor = &entries.last().expect("an entry")["actor"];
    assert_eq!((&actor["type"], &actor["id"]), (&json!("token"), &json!(site.token_id)));
    // A call that streams both ways gets through as well, and is told why it isn't answered.
    let attach = |token: &str| {
        let (endpoint, token) = (format!("https://{}", site.network.https), site.path(token));
        let mut command = Command::new(programs::ampoule());
        command.args(["--endpoint", &endpoint, "--token_file", &token, "--cacert", &certificate]).env_clear();
        process::run(command.args(["instance", "exec", "-i", "inst-0000000000", "--", "true"]), b"").err()
    };
    fs::write(site.path("wrong.json"), r#"{"bearer_token": "amp_wrong"}"#).expect("a token file");
    assert!(attach("token.json").contains("(not_found)"), "{}", attach("token.json"));
    assert!(attach("wrong.json").contains("(unauthenticated)"), "{}", attach("wrong.json"));
    // The variables and the place that existing clients know.
    let login = site.network.path("ns");
    fs::create_dir(&login).expect("a folder");
    fs::rename(site.path("token.json"), login.join("token.json")).expect("moved");
    let mut command = Command::new(programs::ampoule());
    command.args(["vault", "list", "-o", "json", "--cacert", &certificate]).env_clear();
    command
        .env("NSC_ENDPOINT", format!("https://{}", site.network.https))
        .env("XDG_CONFIG_HOME", site.network.path(""));
    assert_eq!(count(process::run(&mut command, b"")), 1);
}

#[test]
fn whoever_is_not_certified_is_told_nothing() {
    let site = Site::new();
    let (certificate, empty) = (site.certificate(), site.path("empty.pem"));
    fs::write(&empty, "").expect("a file");
    let before = Rpc::new(&site.network.daemon.socket()).audit(0, "").0;
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
    assert_eq!(Rpc::new(&site.network.daemon.socket()).audit(0, "").0, before);
}
