//! What gRPC and gRPC-Web put around a message.

use std::collections::HashMap;

use super::client::Failure;
use super::http::Answer;

/// Status codes by number, under the names that Connect uses too.
const CODES: [&str; 17] = [
    "ok",
    "canceled",
    "unknown",
    "invalid_argument",
    "deadline_exceeded",
    "not_found",
    "already_exists",
    "permission_denied",
    "resource_exhausted",
    "failed_precondition",
    "aborted",
    "out_of_range",
    "unimplemented",
    "internal",
    "unavailable",
    "data_loss",
    "unauthenticated",
];

/// The flag of a gRPC-Web frame that holds trailers.
const TRAILERS: u8 = 0x80;

/// A message behind its flag and length.
pub(super) fn frame(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).expect("a short message").to_be_bytes();
    [&[0], &length[..], message].concat()
}

/// The message of an answer, or the failure that its trailers tell of.
pub(super) fn message(answer: &Answer) -> Result<Vec<u8>, Failure> {
    assert_eq!(answer.status, 200, "gRPC has its own status");
    let (mut messages, mut trailers) = (Vec::new(), HashMap::new());
    for (flag, content) in frames(&answer.body) {
        match flag {
            0 => messages.push(content.to_vec()),
            TRAILERS => trailers.extend(lines(content)),
            other => panic!("a frame with flag {other}"),
        }
    }
    // Without a message the status may stand among the headers.
    for headers in [&answer.headers, &answer.trailers] {
        let texts = headers.iter().map(|(name, value)| (name.to_string(), value.to_str().expect("ASCII").to_owned()));
        trailers.extend(texts);
    }
    status(&trailers)?;
    assert_eq!(messages.len(), 1, "a unary answer is one message");
    Ok(messages.remove(0))
}

fn status(trailers: &HashMap<String, String>) -> Result<(), Failure> {
    let number: usize = trailers.get("grpc-status").expect("grpc-status").parse().expect("a number");
    if number == 0 {
        return Ok(());
    }
    let message = trailers.get("grpc-message").map(|text| unescaped(text)).unwrap_or_default();
    Err(Failure { code: CODES[number].to_owned(), message })
}

fn frames(mut body: &[u8]) -> Vec<(u8, &[u8])> {
    let mut frames = Vec::new();
    while let Some((head, rest)) = body.split_first_chunk::<5>() {
        let length = u32::from_be_bytes(head[1..].try_into().expect("four bytes"));
        let (content, next) = rest.split_at(length.try_into().expect("a length"));
        frames.push((head[0], content));
        body = next;
    }
    assert!(body.is_empty(), "{} bytes too many", body.len());
    frames
}

fn lines(content: &[u8]) -> Vec<(String, String)> {
    let text = std::str::from_utf8(content).expect("UTF-8");
    let pairs = text.split_terminator("\r\n").map(|line| line.split_once(':').expect("a header"));
    pairs.map(|(name, value)| (name.to_lowercase(), value.trim().to_owned())).collect()
}

/// `grpc-message` is percent-encoded UTF-8.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let code = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match code.filter(|_| first == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => (bytes.push(byte), rest = &after[2..]),
            None => (bytes.push(first), rest = after),
        };
    }
    String::from_utf8(bytes).expect("UTF-8")
}
