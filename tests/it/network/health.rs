//! What tells whether the daemon lives and how it fares.

use crate::support::network::Network;
use crate::support::rpc::Rpc;

#[test]
fn health_is_for_everybody_and_leaves_no_entry() {
    let network = Network::start("");
    let before = Rpc::new(&network.daemon.socket()).audit(0, "").0.len();
    for page in ["/healthz", "/readyz"] {
        assert_eq!(network.curl("localhost", page, &[]).ok().out(), "ok\n", "{page}");
    }
    let check = |service: &str| {
        let args = ["--json", &format!(r#"{{"service": "{service}"}}"#)];
        network.curl("localhost", "/grpc.health.v1.Health/Check", &args).ok().out()
    };
    for service in ["", "namespace.cloud.vault.v1beta.VaultService", "namespace.cloud.iam.v1beta.TokenService"] {
        assert_eq!(check(service), r#"{"status":"SERVING"}"#, "{service}");
    }
    assert!(check("no.such.Service").contains("not_found"));
    assert_eq!(Rpc::new(&network.daemon.socket()).audit(0, "").0.len(), before);
}

#[test]
fn metrics_are_for_callers_that_are_known() {
    let network = Network::start("");
    let token = network.token("metrics", &["vault/object:*:list"]);
    assert_eq!(network.list(Some(&token)).0, 200);
    assert_eq!(network.list(None).0, 401);
    let status = ["--write-out", "%{http_code}"];
    let refused = network.curl("localhost", "/metrics", &status).ok().out();
    assert!(refused.ends_with("401") && !refused.contains("ampoule_calls"), "{refused}");
    let header = format!("Authorization: Bearer {token}");
    let shown = network.curl("localhost", "/metrics", &["--header", &header]).ok().out();
    for (code, calls) in [("ok", 1), ("unauthenticated", 1)] {
        let line = format!(
            "ampoule_calls_total{{method=\"namespace.cloud.vault.v1beta.VaultService/ListObjects\",code=\"{code}\"}} {calls}\n"
        );
        assert!(shown.contains(&line), "{line} is not in {shown}");
    }
    assert!(shown.ends_with("# EOF\n"), "{shown}");
    let posted = network.curl("localhost", "/healthz", &["--json", "{}", "--write-out", "%{http_code}"]).ok().out();
    assert!(posted.ends_with("405"), "{posted}");
}
