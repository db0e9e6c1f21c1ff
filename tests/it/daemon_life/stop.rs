//! The end: requests under way are finished, and what was answered is durable.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use nix::sys::signal::Signal;

use super::{Home, Notices, connect};
use crate::support::process::wait_until;
use crate::support::wire::messages::revealable;

const WRITERS: usize = 32;

/// A request that the daemon has begun to read: it said that it wants the rest.
fn begin(socket: &Path, body: &str) -> UnixStream {
    let mut stream = connect(socket).expect("connected");
    let head = "POST /namespace.cloud.vault.v1beta.VaultService/CreateObject HTTP/1.1\r\nhost: localhost\r\n\
                content-type: application/json\r\nexpect: 100-continue\r\ncontent-length";
    write!(stream, "{head}: {}\r\n\r\n", body.len()).expect("sent");
    let mut answer = [0; 25];
    stream.read_exact(&mut answer).expect("an answer");
    assert_eq!(&answer, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream
}

fn finish(mut stream: UnixStream, body: &str) -> String {
    stream.write_all(body.as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer, then the end");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    let id = answer.split_once("\"objectId\":\"").expect("an id").1;
    id.split('"').next().expect("an id").to_owned()
}

fn requests_under_way_are_finished(signal: Signal) {
    let home = Home::new();
    let notices = Notices::listen(home.folder());
    let daemon = home.start_by(home.command().env("NOTIFY_SOCKET", notices.path()));
    assert_eq!(notices.next(), "READY=1");
    let bodies: Vec<String> = (0..WRITERS).map(|n| format!(r#"{{"value":"value {n}","revealable":true}}"#)).collect();
    let begun: Vec<UnixStream> = bodies.iter().map(|body| begin(&home.socket(), body)).collect();
    daemon.signal(signal);
    assert_eq!(notices.next(), "STOPPING=1");
    daemon.wait_deaf();
    let made: Vec<String> = begun.into_iter().zip(&bodies).map(|(stream, body)| finish(stream, body)).collect();
    let ran = daemon.job.wait().ok();
    assert!(!ran.err().contains("still under way"), "{}", ran.err());
    assert!(!home.socket().exists(), "the socket is still there");

    let daemon = home.start();
    for (n, id) in made.iter().enumerate() {
        assert_eq!(&*home.client().describe(id).expect("described").value, format!("value {n}"));
    }
    daemon.stop();
}

#[test]
fn requests_under_way_are_finished_on_sigterm() {
    requests_under_way_are_finished(Signal::SIGTERM);
}

#[test]
fn requests_under_way_are_finished_on_sigint() {
    requests_under_way_are_finished(Signal::SIGINT);
}

/// Whether an answer has as many bytes as it announced.
fn is_whole(answer: &str) -> bool {
    let Some((head, body)) = answer.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    length.and_then(|length| length.parse().ok()) == Some(body.len())
}

/// Stores until the daemon is gone; what was answered.
fn store_until_the_end(socket: &Path, writer: usize, stored: &AtomicUsize) -> Vec<(String, String)> {
    let mut answered = Vec::new();
    for n in 0.. {
        let value = format!("{writer}-{n}");
        let body = format!(r#"{{"value":"{value}","revealable":true}}"#);
        let head = "POST /namespace.cloud.vault.v1beta.VaultService/CreateObject HTTP/1.1\r\nhost: localhost\r\n\
                    content-type: application/json\r\nconnection: close\r\ncontent-length";
        let Ok(mut stream) = connect(socket) else { break };
        let mut answer = String::new();
        let sent = write!(stream, "{head}: {}\r\n\r\n{body}", body.len());
        // One that waited to be accepted may be turned away; it may not be answered by halves.
        if sent.and_then(|()| stream.read_to_string(&mut answer).map(|_| ())).is_err() || answer.is_empty() {
            break;
        }
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && is_whole(&answer), "{answer}");
        let id = answer.split_once("\"objectId\":\"").expect("an id").1.split('"').next().expect("an id");
        answered.push((id.to_owned(), value));
        stored.fetch_add(1, Ordering::Relaxed);
    }
    answered
}

#[test]
fn every_answered_write_is_there_after_a_stop() {
    let home = Home::new();
    let daemon = home.start();
    let (stored, socket) = (AtomicUsize::new(0), home.socket());
    let answered: Vec<(String, String)> = thread::scope(|scope| {
        let write = |writer| store_until_the_end(&socket, writer, &stored);
        let writers: Vec<_> = (0..WRITERS).map(|writer| scope.spawn(move || write(writer))).collect();
        wait_until("writers are at work", || stored.load(Ordering::Relaxed) > 4 * WRITERS);
        daemon.stop();
        writers.into_iter().flat_map(|writer| writer.join().expect("writer")).collect()
    });
    let daemon = home.start();
    let listed = home.client().list(vec![]).expect("listed");
    assert!(answered.len() > 4 * WRITERS && listed.len() >= answered.len());
    for (id, value) in &answered {
        assert_eq!(&*home.client().describe(id).expect("described").value, value);
    }
    daemon.stop();
}

#[test]
fn an_idle_daemon_stops_and_starts_again() {
    let home = Home::new();
    for n in 0..3 {
        let daemon = home.start();
        home.client().create(&revealable("alpha")).expect("created");
        assert_eq!(home.client().list(vec![]).expect("listed").len(), n + 1);
        daemon.stop();
        assert!(!home.socket().exists());
        // The write-ahead log is folded in: whoever copies the database now has all of it.
        let files = fs::read_dir(home.paths.state()).expect("state").flatten();
        let files: BTreeSet<_> = files.map(|entry| entry.file_name().into_string().expect("UTF-8")).collect();
        assert_eq!(files, ["lock", "root.key", "vault.db"].map(str::to_owned).into());
    }
}
