//! A daemon of one method, by hand: what it says on the wire is written here a second time, on purpose.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use ampoule_proto::messages::ampoule::v1::{ResolveRequest, ResolveResponse, ResolvedSecret};
use buffa::Message;

/// What the daemon does with a call.
pub(crate) enum Answer {
    /// `value of ID` for every reference, in version 7 unless one is pinned.
    Values,
    /// An error in the Connect protocol.
    Error(&'static str, &'static str),
    /// It hangs up.
    Silence,
}

/// Serves on the socket until the test ends; every call that arrived can be received.
pub(crate) fn serve(
    socket: &Path,
    mut answer: impl FnMut(usize) -> Answer + Send + 'static,
) -> Receiver<ResolveRequest> {
    let listener = UnixListener::bind(socket).expect("binds");
    let (calls, received) = channel();
    thread::spawn(move || {
        for (index, stream) in listener.incoming().flatten().enumerate() {
            let Some(request) = read(&stream) else { continue };
            let reply = reply(&request, &answer(index));
            // A test that doesn't look at the calls has dropped the receiver.
            let _ = calls.send(request);
            let _ = (&stream).write_all(&reply);
        }
    });
    received
}

fn read(stream: &UnixStream) -> Option<ResolveRequest> {
    let mut reader = BufReader::new(stream);
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        (reader.read_until(b'\n', &mut head).ok()? > 0).then_some(())?;
    }
    let head = String::from_utf8(head).expect("UTF-8").to_ascii_lowercase();
    assert!(head.starts_with("post /ampoule.v1.injectionservice/resolve http/1.1\r\n"), "{head}");
    assert!(head.contains("content-type: application/proto\r\n"), "{head}");
    assert!(head.contains("connect-protocol-version: 1\r\n"), "{head}");
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "))?;
    let mut body = vec![0; length.parse().expect("a length")];
    reader.read_exact(&mut body).ok()?;
    Some(ResolveRequest::decode_from_slice(&body).expect("a request"))
}

fn reply(request: &ResolveRequest, answer: &Answer) -> Vec<u8> {
    let (status, kind, body) = match answer {
        Answer::Values => ("200 OK", "application/proto", values(request).encode_to_vec()),
        Answer::Error(code, message) => {
            let body = format!(r#"{{"code":"{code}","message":"{message}"}}"#);
            ("400 Bad Request", "application/json", body.into_bytes())
        }
        Answer::Silence => return Vec::new(),
    };
    let head = format!("HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n", body.len());
    [head.into_bytes(), body].concat()
}

fn values(request: &ResolveRequest) -> ResolveResponse {
    let secret = |asked: &ampoule_proto::messages::ampoule::v1::SecretReference| ResolvedSecret {
        name: asked.name.clone(),
        object_id: asked.object_id.clone(),
        version: if asked.version.is_empty() { "7".to_owned() } else { asked.version.clone() },
        value: format!("value of {}", asked.object_id).into(),
    };
    ResolveResponse { secrets: request.references.iter().map(secret).collect(), ..ResolveResponse::default() }
}
