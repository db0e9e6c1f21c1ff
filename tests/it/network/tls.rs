//! Certificates, and what is spoken with them.

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::support::daemon::Daemon;
use crate::support::network::Network;
use crate::support::process::{self, Ran, wait_until};
use crate::support::programs;
use crate::support::rig::temporary_folder;

fn is_served(network: &Network, host: &str, args: &[&str]) -> bool {
    network.curl(host, "/healthz", args).out() == "ok\n"
}

#[test]
fn a_certificate_is_made_and_renewed_without_a_restart() {
    let network = Network::certified(&["a.test"], "", "");
    assert!(is_served(&network, "a.test", &[]) && !is_served(&network, "b.test", &[]));
    // Nobody's certificate by accident.
    let mut again = Command::new(programs::ampoule());
    again.args(["tls", "init", "--name", "c.test"]).env_clear().env("AMPOULE_STATE_DIR", network.daemon.state());
    let again = process::run(&mut again, b"");
    assert!(again.code() == 1 && again.err().contains("--renew"), "{}", again.err());
    assert!(is_served(&network, "a.test", &[]));
    network.renew(&["b.test"]).ok();
    assert!(is_served(&network, "b.test", &[]) && !is_served(&network, "a.test", &[]));
    // Without a name it keeps those that it has.
    network.renew(&[]).ok();
    assert!(is_served(&network, "b.test", &[]) && !is_served(&network, "localhost", &[]));
    let folder = network.daemon.state().join("tls");
    for (name, mode) in [("ca.key", 0o600), ("server.key", 0o600), ("ca.crt", 0o644), ("server.crt", 0o644)] {
        let found = fs::metadata(folder.join(name)).expect(name).permissions().mode() & 0o7777;
        assert_eq!(found, mode, "{name}");
    }
    // What makes no sense is not taken, and is said.
    fs::write(folder.join("server.crt"), "nonsense").expect("written");
    assert!(is_served(&network, "b.test", &[]));
    assert!(network.daemon.log_text().contains("the certificate in use is kept"), "{}", network.daemon.log_text());
    network.renew(&["c.test"]).ok();
    assert!(is_served(&network, "c.test", &[]));
}

#[test]
fn a_certificate_of_another_authority_is_refused() {
    let (network, other) = (Network::start(""), Network::start(""));
    fs::copy(other.authority(), network.authority()).expect("copied");
    let refused = network.curl("localhost", "/healthz", &[]);
    assert!(refused.code() == 60 && refused.stdout.is_empty(), "exit {}: {}", refused.code(), refused.err());
}

#[test]
fn an_older_tls_is_spoken_only_where_the_settings_say_so() {
    let old = ["--tls-max", "1.2"];
    let network = Network::start("");
    assert!(is_served(&network, "localhost", &[]) && !is_served(&network, "localhost", &old));
    let network = Network::certified(&["localhost"], ", tls12: true", "");
    assert!(is_served(&network, "localhost", &[]) && is_served(&network, "localhost", &old));
    assert!(!is_served(&network, "localhost", &["--tls-max", "1.1"]));
}

#[test]
fn both_versions_of_http_are_spoken() {
    let network = Network::start("");
    for (flag, version) in [("--http1.1", "1.1"), ("--http2", "2")] {
        let ran = network.curl("localhost", "/healthz", &[flag, "--write-out", "%{http_version}"]).ok();
        assert_eq!(ran.out(), format!("ok\n{version}"));
    }
}

/// Starts a daemon with these settings, which must be refused before anything is made.
#[track_caller]
fn refused(settings: &str, named: &[&str]) {
    let folder = temporary_folder();
    let put = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("written");
    put("nonsense.pem", "nonsense");
    for name in ["one", "other"] {
        let mut openssl = Command::new(programs::system("openssl", "openssl"));
        openssl.args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-subj",
            "/CN=x",
        ]);
        openssl.args(["-out", &format!("{name}.crt"), "-keyout", &format!("{name}.key")]).current_dir(folder.path());
        process::run(&mut openssl, b"").ok();
    }
    put("ampoule.yaml", &settings.replace("FOLDER", folder.path().to_str().expect("UTF-8")));
    let daemon = Daemon::stopped(folder.path());
    let ran: Ran = process::run(&mut daemon.command(), b"");
    let error = ran.err();
    assert_eq!(ran.code(), 1, "{settings}: {error}");
    assert!(named.iter().all(|part| error.contains(part)), "{settings}: {error}");
    assert!(!daemon.state().exists() && !daemon.socket().exists(), "{settings}: something was made");
}

#[test]
fn what_cannot_be_listened_on_is_named() {
    let of = |rest: &str| format!("listen: [{{address: 127.0.0.1:0, {rest}}}]\n");
    refused("listen: [{address: 127.0.0.1:0}]\n", &["tls/server.crt", "not there", "ampoule tls init"]);
    refused("listen: [{address: 0.0.0.0:0, plaintext: true}]\n", &["0.0.0.0:0", "loopback"]);
    refused(&of("certificate: FOLDER/one.crt"), &["127.0.0.1:0", "certificate and key"]);
    refused(&of("certificate: FOLDER/nonsense.pem, key: FOLDER/one.key"), &["nonsense.pem"]);
    refused(&of("certificate: FOLDER/one.crt, key: FOLDER/nonsense.pem"), &["nonsense.pem"]);
    refused(&of("certificate: FOLDER/one.crt, key: FOLDER/other.key"), &["one.crt"]);
    refused(&of("certificate: one.crt, key: FOLDER/one.key"), &["ampoule.yaml:1:", "absolute"]);
    refused("listen: [{adress: 127.0.0.1:0}]\n", &["ampoule.yaml:1:", "adress"]);
    refused("limits: {connections: 0}\n", &["ampoule.yaml:1:"]);
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    refused(&format!("listen: [{{address: '{address}', plaintext: true}}]\n"), &[&address, "listened on"]);
}

#[test]
fn names_that_are_none_are_refused() {
    let folder = temporary_folder();
    for name in ["", "a b", "-a", "a..b", "*.*.test", "https://a.test", "a:443"] {
        let mut command = Command::new(programs::ampoule());
        command
            .args(["tls", "init", &format!("--name={name}")])
            .env_clear()
            .env("AMPOULE_STATE_DIR", folder.path().join("state"));
        let ran = process::run(&mut command, b"");
        assert!(ran.code() == 2 && ran.err().contains("--name"), "{name}: {}", ran.err());
    }
    assert!(!folder.path().join("state").exists());
}

#[test]
fn the_command_line_calls_from_elsewhere() {
    let network = Network::start("");
    let (token, token_file) =
        (network.token("elsewhere", &["vault/object:*:create,describe,list"]), network.path("token.json"));
    fs::write(&token_file, serde_json::json!({ "bearer_token": token }).to_string()).expect("written");
    fs::set_permissions(&token_file, Permissions::from_mode(0o600)).expect("mode");
    let call = |args: &[&str], stdin: &[u8]| {
        let mut command = Command::new(programs::ampoule());
        command.args(args).env_clear().arg("--endpoint").arg(format!("https://{}", network.https));
        command.arg("--token_file").arg(&token_file).arg("--cacert").arg(network.authority());
        process::run(&mut command, stdin)
    };
    call(&["vault", "add", "--from_file", "-"], b"alpha").ok();
    assert!(call(&["vault", "list"], b"").ok().out().contains("sec_"));
    let refused = call(&["audit", "list"], b"");
    assert!(refused.code() == 1 && refused.err().contains("permission_denied"), "{}", refused.err());
    wait_until("the log knows the token's address", || {
        let audit = network.daemon.cli().audit();
        audit.iter().any(|entry| entry["actor"]["address"].as_str().is_some_and(|text| text.starts_with("127.0.0.1")))
    });
}
