//! What a caller hears whose JSON can't be read: where, and what belongs there, never what was there.
//!
//! The decoder's own message quotes what it found, and that may be a value in the wrong place.

use connectrpc::interceptor::{Next, UnaryRequest, UnaryResponse};
use connectrpc::{ConnectError, Interceptor};

/// What the decoder's messages begin with.
const PREFIX: &str = "failed to decode JSON: ";

/// Takes the quotations out of the decoder's errors.
pub(super) struct Unquoted;

#[connectrpc::async_trait]
impl Interceptor for Unquoted {
    async fn intercept_unary(&self, request: UnaryRequest, next: Next<'_>) -> Result<UnaryResponse, ConnectError> {
        next.run(request).await.map_err(|mut error| {
            if let Some(quoting) = error.message.as_deref().and_then(|message| message.strip_prefix(PREFIX)) {
                error.message = Some(unquoted(quoting));
            }
            error
        })
    }
}

/// The position stands last, and before it in serde's own errors the schema's word for what belongs there. All else may
/// be a quotation.
fn unquoted(message: &str) -> String {
    let (what, position) = message.rsplit_once(" at line ").unwrap_or_default();
    let is_position = position.split(" column ").all(|number| number.bytes().all(|b| b.is_ascii_digit()));
    let place = if is_position { format!(" at line {position}") } else { String::new() };
    let of_serde = ["invalid type: ", "invalid value: ", "invalid length "].iter().any(|start| what.starts_with(start));
    match what.rsplit_once(", expected ").filter(|_| of_serde) {
        Some((_, expected)) => format!("the request's JSON can't be read{place}: expected {expected}"),
        None => format!("the request's JSON can't be read{place}: it is not well-formed, or a field has another type"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_the_request_is_quoted() {
        let unknown = "it is not well-formed, or a field has another type";
        for (message, rest) in [
            ("invalid type: string \"hunter2\", expected a boolean", "expected a boolean"),
            ("invalid type: string \"a, expected hunter2\", expected a boolean", "expected a boolean"),
            ("invalid time: a, expected hunter2", unknown),
            ("EOF while parsing a string", unknown),
        ] {
            let shown = unquoted(&format!("{message} at line 1 column 23"));
            assert_eq!(shown, format!("the request's JSON can't be read at line 1 column 23: {rest}"));
        }
        assert!(!unquoted("invalid time: now at line hunter2").contains("hunter2"));
    }
}
