//! A TCP stream that acknowledges at once what it has read.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// The stream.
///
/// Node sends a request's headers and its body apart, and with TLS it holds the body back until the headers are
/// acknowledged (Nagle's algorithm, which it turns off for plaintext alone). The kernel acknowledges late, together with
/// an answer that can't come yet: 40 ms of waiting for each other, with every call. The kernel forgets the option, so it
/// is set anew with each read.
pub(super) struct Prompt(TcpStream);

impl Prompt {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self(stream)
    }
}

impl AsyncRead for Prompt {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let progress = Pin::new(&mut self.0).poll_read(context, buffer);
        if progress.is_ready() {
            // Without it the peer only waits longer.
            let _ = self.0.set_quickack(true);
        }
        progress
    }
}

impl AsyncWrite for Prompt {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
