//! Clients of other people's making take an instance through its life: Connect's own for Node, and Python's gRPC.

use std::process::Command;

use serde_json::{Value, json};

use super::{Driven, Host, IMAGE};
use crate::support::engine::{Docker, Podman};
use crate::support::foreign::{self, Foreign};
use crate::support::network::make_certificate;
use crate::support::process;
use crate::support::rpc::Rpc;

/// What a client prints of an instance that it has taken through its life.
fn seen(mut client: Command, told: &Value) -> Value {
    let ran = process::run(&mut client, told.to_string().as_bytes()).ok();
    let mut seen: Value = serde_json::from_slice(&ran.stdout).expect("JSON");
    let statuses = seen["statuses"].take();
    let statuses: Vec<_> = statuses.as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    let all = ["PENDING", "CREATING", "RUNNING"];
    // A client that comes late doesn't see where it began.
    assert!(all.ends_with(&statuses) && !statuses.is_empty(), "{statuses:?}");
    seen
}

fn both_clients_take_an_instance_through_its_life<E: Driven>() {
    let listen = json!({"listen": [{"address": "127.0.0.1:0"}]});
    let host: Host<E> = Host::start_prepared(&json!({}), &listen, |daemon| {
        make_certificate(daemon, &["localhost", "127.0.0.1"], &[]).ok();
    });
    let [address] = host.daemon.addresses()[..] else { panic!("one address") };
    let foreign = Foreign::prepare(host.engine.site().folder());
    let [one, two] = ["alpha", "beta"].map(|value| host.cli().add(value));
    let inject = [&one, &two].map(|id| format!("vault/object:{id}:inject"));
    let grants = ["compute/instance:*:create,describe,exec,destroy", &inject[0], &inject[1]];
    let token = Rpc::new(&host.daemon.socket()).make_token("client", &grants).expect("a token");
    let prints = "echo first; until [ -e /go ]; do sleep 0.05; done; echo second; exec sleep 1000";
    let told = json!({
        "address": format!("localhost:{}", address.port()),
        "url": format!("https://localhost:{}", address.port()),
        "descriptors": foreign.descriptors(),
        "transport": "connect-http2",
        "token": token["bearerToken"],
        "request": {"documented_purpose": "a test", "containers": [{
            "name": "web",
            "image_ref": IMAGE,
            "args": ["sh", "-c", prints],
            "env_vars": [{"name": "A", "from_secret_id": one}],
        }]},
        "command": ["sh", "-c", "echo $A $B; echo bad >&2; exit 3"],
        "commandEnv": [{"name": "B", "from_secret_id": two}],
        "release": ["touch", "/go"],
    });
    let authority = host.daemon.state().join("tls/ca.crt");
    let mut node = foreign.node("instance.mjs");
    node.env("NODE_EXTRA_CA_CERTS", &authority);
    let mut python = foreign.python(&foreign::clients().join("instance.py"));
    python.env("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", &authority);
    let expected = json!({
        "statuses": null,
        "exitCode": 3,
        "stdout": "alpha beta\n",
        "stderr": "bad\n",
        "lines": [["web", "stdout", "first"], ["web", "stdout", "second"]],
        "last": "DESTROYED",
        "after": "failed_precondition",
    });
    for client in [node, python] {
        assert_eq!(seen(client, &told), expected);
    }
    assert_eq!(host.containers(), [""; 0]);
}

#[test]
fn node_and_python_take_an_instance_through_its_life_on_podman() {
    both_clients_take_an_instance_through_its_life::<Podman>();
}

#[test]
fn node_and_python_take_an_instance_through_its_life_on_docker() {
    both_clients_take_an_instance_through_its_life::<Docker>();
}
