//! Clients that mean harm: the daemon answers the others meanwhile, and its memory has a bound.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::support::network::{LIST, Network, connect};
use crate::support::random::random_below;

/// More than this and something grows with what strangers send, in KiB.
const MEMORY: u64 = 200 << 10;
const CONNECTIONS: usize = 10_000;

fn many_descriptors() {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("a limit");
    assert!(hard > 11_000, "this test needs 11,000 open files: raise the hard limit (ulimit -Hn), which is {hard}");
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).expect("raised");
}

/// Answers a caller who has a token, and has not grown without bound.
#[track_caller]
fn assert_well(network: &Network, token: &str, what: &str) {
    let (status, body) = network.list(Some(token));
    assert_eq!(status, 200, "{what}: {body}");
    let most = network.most_memory();
    assert!(most < MEMORY, "{what}: {most} KiB");
}

fn send(stream: &mut TcpStream, bytes: &[u8]) {
    match stream.write_all(bytes) {
        Ok(()) => {}
        // It was closed to make room, which is the point.
        Err(error) if [ErrorKind::BrokenPipe, ErrorKind::ConnectionReset].contains(&error.kind()) => {}
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn ten_thousand_connections_that_say_nothing_or_little() {
    many_descriptors();
    let network = Network::start("");
    let token = network.token("attacked", &["vault/object:*:list"]);
    assert_well(&network, &token, "before");
    for (what, address, bytes) in [
        ("silent", network.https, &b""[..]),
        ("in the middle of a handshake", network.https, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
        ("in the middle of headers", network.http, b"POST / HTTP/1.1\r\nHost: a\r\nX-Slow: "),
        (
            "in the middle of HTTP/2",
            network.http,
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
        ),
    ] {
        let mut held: Vec<TcpStream> = (0..CONNECTIONS).map(|_| connect(address)).collect();
        for stream in &mut held {
            send(stream, bytes);
        }
        assert_well(&network, &token, what);
        // One more byte of each: a slow loris.
        for stream in &mut held {
            send(stream, b"x");
        }
        assert_well(&network, &token, what);
    }
}

#[test]
fn bodies_of_strangers_share_little_memory() {
    many_descriptors();
    let network = Network::start("");
    let token = network.token("attacked", &["vault/object:*:list"]);
    // 2,000 times all but the last byte of a body of 1 MiB: 2 GB, if it were kept.
    let head =
        format!("POST {LIST} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 1048576\r\n\r\n");
    let part = vec![b' '; 64 << 10];
    let halves: Vec<TcpStream> = (0..2_000)
        .map(|_| {
            let mut stream = connect(network.http);
            stream.set_write_timeout(Some(Duration::from_millis(20))).expect("a timeout");
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&part));
            stream
        })
        .collect();
    assert_well(&network, &token, "bodies of strangers");
    drop(halves);
}

#[test]
fn garbage_is_no_request() {
    let network = Network::start("");
    let token = network.token("attacked", &["vault/object:*:list"]);
    for round in 0..200 {
        let address = if round % 2 == 0 { network.http } else { network.https };
        let length = random_below(4096) as usize;
        let bytes: Vec<u8> = (0..length).map(|_| u8::try_from(random_below(256)).expect("a byte")).collect();
        let mut stream = connect(address);
        send(&mut stream, &bytes);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert!(!answer.windows(12).any(|part| part == b"HTTP/1.1 200"), "round {round}");
    }
    assert_well(&network, &token, "garbage");
    assert!(!network.daemon.log_text().contains("panicked"), "{}", network.daemon.log_text());
}
