//! How much a client may have, and what it is told beyond that.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::support::network::{LIST, Network, connect};
use crate::support::rpc::Rpc;

const GRANT: [&str; 1] = ["vault/object:*:list"];

/// Sends this and reads until the daemon closes.
fn exchange(mut stream: TcpStream, request: &[u8]) -> String {
    stream.write_all(request).expect("sent");
    let mut answer = Vec::new();
    // A reset after the answer is an end too.
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn head(length: usize, rest: &str) -> String {
    format!(
        "POST {LIST} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n{rest}\r\n"
    )
}

/// It is read, so that the connection can be used for the next.
#[test]
fn a_body_that_is_too_long_is_refused_in_the_callers_protocol() {
    let network = Network::start("limits: {body_bytes: 100000}");
    let token = network.token("limits", &GRANT);
    let header = format!("Authorization: Bearer {token}\r\n");
    let long = [head(300_000, &header).as_bytes(), &vec![b' '; 300_000]].concat();
    let next = [head(2, &format!("{header}Connection: close\r\n")).as_bytes(), b"{}"].concat();
    let answers = exchange(connect(network.http), &[long, next].concat());
    assert!(answers.contains("resource_exhausted") && answers.contains("100000"), "{answers}");
    assert_eq!(answers.matches("HTTP/1.1 ").count(), 2, "{answers}");
    assert!(answers.contains("HTTP/1.1 200 OK"), "{answers}");
    // Nobody has to read for ever.
    let endless = [head(usize::MAX >> 1, &header).as_bytes(), &vec![b' '; 1_700_000]].concat();
    let answer = exchange(connect(network.http), &endless);
    assert!(answer.starts_with("HTTP/1.1 413 ") && answer.contains("connection: close"), "{answer}");
}

#[test]
fn a_body_that_a_page_has_no_use_for_is_read_too() {
    let network = Network::start("");
    for page in ["/healthz", "/metrics"] {
        let head = |length: usize, rest: &str| head(length, rest).replace(LIST, page);
        let long = [head(600_000, "").as_bytes(), &vec![b' '; 600_000]].concat();
        let answers = exchange(connect(network.http), &[long, head(0, "Connection: close\r\n").into_bytes()].concat());
        assert_eq!(answers.matches("HTTP/1.1 405 ").count(), 2, "{answers}");
    }
}

#[test]
fn a_body_that_does_not_come_is_not_waited_for() {
    let network = Network::start("limits: {call_seconds: 1}");
    let answer = exchange(connect(network.http), format!("{}{{", head(2, "")).as_bytes());
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("did not come in time"), "{answer}");
}

#[test]
fn headers_that_do_not_come_are_not_waited_for() {
    let network = Network::start("limits: {header_seconds: 1}");
    for address in [network.http, network.https] {
        let silent = exchange(connect(address), b"");
        let slow = exchange(connect(address), b"POST / HTTP/1.1\r\nHost: a\r\nX: ");
        assert!(!silent.contains("200") && !slow.contains("200"), "{silent} {slow}");
    }
}

#[test]
fn each_token_has_a_rate_of_its_own() {
    let network = Network::start("limits: {requests_per_second: 3}");
    let (eager, modest) = (network.token("eager", &GRANT), network.token("modest", &GRANT));
    let answers: Vec<_> = (0..40).map(|_| network.list(Some(&eager))).collect();
    let (_, refused) = answers.iter().find(|(status, _)| *status == 429).expect("a refusal");
    assert_eq!(refused["code"], "resource_exhausted");
    assert!(refused["message"].as_str().is_some_and(|text| text.contains("limits.requests_per_second")), "{refused}");
    assert!(answers.iter().filter(|(status, _)| *status == 200).count() >= 3);
    assert_eq!(network.list(Some(&modest)).0, 200);
}

/// Each failure is an entry, which is flushed to the disk: one address can't fill that.
#[test]
fn failures_to_authenticate_are_recorded_up_to_a_rate() {
    let network = Network::start("");
    let call = [head(2, "").as_bytes(), b"{}"].concat();
    let last = [head(2, "Connection: close\r\n").as_bytes(), b"{}"].concat();
    let mut calls = call.repeat(6_000);
    calls.extend(last);
    let mut sender = connect(network.http);
    let mut reader = sender.try_clone().expect("a handle");
    let answers = std::thread::scope(|scope| {
        scope.spawn(move || sender.write_all(&calls).expect("sent"));
        let mut answers = String::new();
        reader.read_to_string(&mut answers).expect("answers");
        answers
    });
    let [unknown, often] = ["unauthenticated", "resource_exhausted"].map(|code| answers.matches(code).count());
    assert!(unknown >= 5_000 && often > 0 && unknown + often == 6_001, "{unknown} and {often}");
    let entries = Rpc::new(&network.daemon.socket()).audit(0, "").0;
    let failed = entries.iter().filter(|entry| entry["action"] == "iam.token.authenticate").count();
    assert_eq!(failed, unknown, "an entry for each that was looked into");
    // Whoever has a token is not kept out by them, and those on the socket are not counted with them.
    assert_eq!(network.daemon.cli().list(), serde_json::json!([]));
}
