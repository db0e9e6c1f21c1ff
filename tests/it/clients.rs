//! Clients of other people's making on the network: Connect's own for Node in each of its protocols, and Python's gRPC.
//! What they do with instances is in `instances/clients.rs`.

use std::process::Command;

use serde_json::{Value, json};

use crate::support::foreign::{self, Foreign};
use crate::support::network::Network;
use crate::support::process;
use crate::support::rpc::Rpc;
use crate::support::wire::methods;

const EVERYTHING: [&str; 2] = ["vault/object:*:*", "iam/token:*:*"];
const FEW: [&str; 1] = ["vault/object:label:env=prod:describe,list"];
const CODES: [&str; 7] = [
    "already_exists",
    "failed_precondition",
    "invalid_argument",
    "not_found",
    "permission_denied",
    "resource_exhausted",
    "unauthenticated",
];

/// As long as a value may be, in every length of UTF-8.
fn value(first: char) -> String {
    let mut text = format!("{first}\n");
    while text.len() < (64 << 10) - 32 {
        text.push_str("größer\r\n\t\"第二行\" 🙂 \\u0041\u{1}");
    }
    let padding = (64 << 10) - text.len();
    text + &"x".repeat(padding)
}

/// Lets a client use every method, and meet every code; what it says was sent and received, another client finds too.
fn walk(transport: &str, command: impl FnOnce(&Foreign, &Network) -> Command) {
    let network = Network::start("");
    let foreign = Foreign::prepare(&network.path(""));
    let [everything, few] =
        [("everything", &EVERYTHING[..]), ("few", &FEW)].map(|(name, grants)| network.token(name, grants));
    let mut rpc = Rpc::new(&network.daemon.socket());
    let (theirs, ours) = (value('a'), value('b'));
    let id = rpc.create(&json!({ "value": theirs, "revealable": true }));
    let told = json!({
        "address": network.https.to_string(),
        "url": format!("https://{}", network.https),
        "descriptors": foreign.descriptors(),
        "transport": transport,
        "everything": everything,
        "few": few,
        "theirs": { "id": id, "value": theirs },
        "ours": ours,
    });
    let ran = process::run(&mut command(&foreign, &network), told.to_string().as_bytes()).ok();
    let seen: Value = serde_json::from_slice(&ran.stdout).expect("JSON");
    let mut expected = methods();
    expected.retain(|method| method.starts_with("/namespace.") && !method.contains(".compute."));
    assert_eq!((&seen["methods"], &seen["codes"]), (&json!(expected), &json!(CODES)));
    assert_eq!(rpc.resolve(seen["id"].as_str().expect("an id")).expect("resolved"), ours);
}

fn node(transport: &str) {
    walk(transport, |foreign, network| {
        let mut node = foreign.node("walk.mjs");
        node.env("NODE_EXTRA_CA_CERTS", network.authority());
        node
    });
}

#[test]
fn node_by_connect_json_over_http_1() {
    node("connect-json");
}

#[test]
fn node_by_connect_binary_over_http_1() {
    node("connect-binary");
}

#[test]
fn node_by_connect_binary_over_http_2() {
    node("connect-http2");
}

#[test]
fn node_by_grpc() {
    node("grpc");
}

#[test]
fn node_by_grpc_web() {
    node("grpc-web");
}

#[test]
fn python_by_grpc() {
    walk("", |foreign, network| {
        let mut python = foreign.python(&foreign::clients().join("walk.py"));
        python.env("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", network.authority());
        python
    });
}

/// Calls without a token, over connections that are kept; each must be answered so, and the connections must last.
///
/// Node writes on while it is answered. A connection that is closed after the answer, with a part of the body unread, is
/// a broken pipe in place of the answer, or for the next call.
fn strangers(calls: usize, in_flight: usize, bytes: usize) {
    let network = Network::start("");
    let foreign = Foreign::prepare(&network.path(""));
    let told = json!({
        "url": format!("https://{}", network.https),
        "descriptors": foreign.descriptors(),
        "transport": "connect-json",
        "calls": calls,
        "inFlight": in_flight,
        "bytes": bytes,
    });
    let mut node = foreign.node("strangers.mjs");
    node.env("NODE_EXTRA_CA_CERTS", network.authority());
    let ran = process::run(&mut node, told.to_string().as_bytes()).ok();
    let counts: Value = serde_json::from_slice(&ran.stdout).expect("JSON");
    assert_eq!(counts, json!({ "connections": in_flight, "answers": { "unauthenticated": calls }, "troubles": {} }));
}

#[test]
fn node_without_a_token_is_answered_2000_times_on_one_connection() {
    strangers(2_000, 1, 4 << 10);
}

#[test]
fn node_without_a_token_is_answered_2000_times_with_16_calls_at_once() {
    strangers(2_000, 16, 4 << 10);
}

#[test]
fn node_without_a_token_is_answered_while_it_sends_long_bodies() {
    strangers(500, 16, 200 << 10);
}
