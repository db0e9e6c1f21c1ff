//! Connect's streams of JSON: a message in an envelope, answered by envelopes of which the last is the end.

use serde_json::Value;

/// The methods that answer by a stream.
const STREAMS: [&str; 6] = ["/WaitInstance", "/RunCommand", "/StreamInstanceLogs", "/Attach", "/Upload", "/Download"];
/// The flag of the last envelope.
const END: u8 = 2;

/// What a request is sent as: its media type and its bytes.
pub(crate) fn body(method: &str, request: &Value) -> (&'static str, Vec<u8>) {
    let text = request.to_string().into_bytes();
    if !is_stream(method) {
        return ("application/json", text);
    }
    let length = u32::try_from(text.len()).expect("short");
    ("application/connect+json", [&[0][..], &length.to_be_bytes(), &text].concat())
}

/// What an answer says: of a stream its error, if it ends with one, else its last message.
pub(crate) fn answer(method: &str, bytes: &[u8]) -> serde_json::Result<Value> {
    if !is_stream(method) || !bytes.starts_with(&[0]) && !bytes.starts_with(&[END]) {
        return serde_json::from_slice(bytes);
    }
    let (mut rest, mut last) = (bytes, Value::Null);
    while let Some((head, tail)) = rest.split_at_checked(5) {
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
        let (message, tail) = tail.split_at(length);
        let message: Value = serde_json::from_slice(message)?;
        if head[0] & END == 0 {
            last = message;
        } else if !message["error"].is_null() {
            last = message["error"].clone();
        }
        rest = tail;
    }
    Ok(last)
}

/// Whether a method is one of these.
pub(crate) fn is_stream(method: &str) -> bool {
    STREAMS.iter().any(|stream| method.ends_with(stream))
}
