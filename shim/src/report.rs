//! How a failure reaches the engine's user.
//!
//! One line in the engine's `--log` and the same message on stderr, in the forms that runc and crun use and engines
//! parse.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{self, Write as _};

use crate::args::{Dialect, Log};

/// Writes the error to where the command line wants it; a log that can't be written changes nothing.
pub fn report(error: &dyn std::error::Error, argv: &[OsString]) {
    let tail = argv.get(1..).unwrap_or_default();
    // The runtime may be unknown here, and the options before the command are spelled alike.
    append(error, &Log::parse(tail, Dialect::Getopt));
    let _ = writeln!(io::stderr(), "ampoule: {}", message(error));
}

/// Writes the error to the engine's log alone, if there is one.
pub fn append(error: &dyn std::error::Error, log: &Log) {
    let message = message(error);
    let time = jiff::Timestamp::now();
    if let Some(path) = &log.file {
        let line = if log.json { json_line(&message, &time) } else { text_line(&message, &time) };
        let file = OpenOptions::new().append(true).create(true).open(path);
        let _ = file.and_then(|mut file| file.write_all(line.as_bytes()));
    }
}

/// The error and its sources in one line, without the words that engines rewrite.
pub(crate) fn message(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let _ = write!(text, ": {error}");
        source = error.source();
    }
    let line = text.split(['\n', '\r']).map(str::trim).filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ");
    let plain = line.chars().map(|c| if c.is_control() { '?' } else { c }).collect::<String>();
    REWRITTEN.iter().fold(plain, |text, (words, instead)| replace(&text, words, instead))
}

/// What podman and Docker look for in a runtime's message, whatever its case, to put their own in its place.
const REWRITTEN: [(&str, &str); 5] = [
    ("no such file or directory", "not found"),
    ("permission denied", "access refused"),
    ("operation not permitted", "operation refused"),
    ("executable file not found", "program not found"),
    ("open executable", "open program"),
];

fn replace(text: &str, words: &str, instead: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    // ASCII lowering keeps every byte's place.
    while let Some(at) = rest.to_ascii_lowercase().find(words) {
        out.push_str(&rest[..at]);
        out.push_str(instead);
        rest = &rest[at + words.len()..];
    }
    out + rest
}

/// The line of `--log-format json`.
fn json_line(message: &str, time: &jiff::Timestamp) -> String {
    let message = serde_json::Value::from(message);
    format!("{{\"level\":\"error\",\"msg\":{message},\"time\":\"{time:.0}\"}}\n")
}

/// The line of `--log-format text`, as logrus writes it.
fn text_line(message: &str, time: &jiff::Timestamp) -> String {
    format!("time=\"{time:.0}\" level=error msg={message:?}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cause: {0}")]
    struct Failure(String);

    fn shown(text: &str) -> String {
        message(&Failure(text.to_owned()))
    }

    #[test]
    fn words_that_engines_rewrite_are_avoided() {
        assert_eq!(shown("No such FILE or directory, Permission denied!"), "cause: not found, access refused!");
        assert_eq!(shown("É permission denied permission denied"), "cause: É access refused access refused");
    }

    #[test]
    fn a_message_is_one_line() {
        assert_eq!(shown("a\n  b\r\nc\u{1b}[0m\0"), "cause: a; b; c?[0m?");
    }

    #[test]
    fn lines_of_the_log() {
        let time = jiff::Timestamp::UNIX_EPOCH;
        assert_eq!(
            json_line("a \"b\"", &time),
            "{\"level\":\"error\",\"msg\":\"a \\\"b\\\"\",\"time\":\"1970-01-01T00:00:00Z\"}\n"
        );
        assert_eq!(text_line("a \"b\"", &time), "time=\"1970-01-01T00:00:00Z\" level=error msg=\"a \\\"b\\\"\"\n");
    }

    #[test]
    fn one_line_is_appended() {
        let directory = tempfile::tempdir().expect("a directory");
        let log = directory.path().join("log");
        std::fs::write(&log, "before\n").expect("writes");
        let argv =
            ["shim", "--log", log.to_str().expect("UTF-8"), "--log-format=json", "create", "c"].map(OsString::from);
        report(&Failure("x".to_owned()), &argv);
        let text = std::fs::read_to_string(&log).expect("reads");
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 2);
        let line: serde_json::Value = serde_json::from_str(lines[1]).expect("JSON");
        assert_eq!((line["level"].as_str(), line["msg"].as_str()), (Some("error"), Some("cause: x")));
    }
}
