//! A client that costs next to nothing: Connect unary calls over HTTP/1.1 on a kept connection.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

/// A connection to the daemon.
pub(crate) struct Connection {
    reader: BufReader<UnixStream>,
    line: String,
    body: Vec<u8>,
}

/// A request as it goes over the wire.
pub(crate) fn post(method: &str, codec: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "POST /{method} HTTP/1.1\r\nhost: localhost\r\nconnect-protocol-version: 1\r\n\
         content-type: application/{codec}\r\ncontent-length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

impl Connection {
    /// Connects, if the daemon listens.
    pub(crate) fn open(socket: &Path) -> std::io::Result<Self> {
        let stream = UnixStream::connect(socket)?;
        Ok(Self { reader: BufReader::new(stream), line: String::new(), body: Vec::new() })
    }

    /// Sends a request that must succeed; the body of the answer.
    pub(crate) fn call(&mut self, request: &[u8]) -> &[u8] {
        self.reader.get_mut().write_all(request).expect("sent");
        self.header();
        assert!(self.line.starts_with("HTTP/1.1 200"), "{}", self.line);
        let mut length = 0;
        while self.header() > 2 {
            if let Some(value) = self.line.strip_prefix("content-length:") {
                length = value.trim().parse().expect("a length");
            }
        }
        self.body.resize(length, 0);
        self.reader.read_exact(&mut self.body).expect("the body");
        &self.body
    }

    fn header(&mut self) -> usize {
        self.line.clear();
        self.reader.read_line(&mut self.line).expect("a line")
    }
}
