//! How daemon and agent talk: one connection for each job, on it a line of JSON, then frames both ways.

use std::{fmt, io};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::job::Window;

/// A piece of a job's input, output or end.
#[derive(Clone, PartialEq, Eq)]
pub enum Frame {
    /// For the program's standard input; empty at its end.
    Stdin(Vec<u8>),
    /// From its standard output.
    Stdout(Vec<u8>),
    /// From its standard error.
    Stderr(Vec<u8>),
    /// The program has ended, with this code; 128 and the signal's number if by a signal.
    Exit(i32),
    /// The job was not started, for this reason.
    Refused(String),
    /// For the program's terminal: its size.
    Resize(Window),
}

/// What is typed and printed is not shown.
impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, data) = self.parts();
        f.debug_struct("Frame").field("kind", &kind).field("bytes", &data.len()).finish()
    }
}

/// How many bytes stand before a block: its kind, and its length.
const HEAD: usize = 5;
/// The longest frame and the longest job.
pub(super) const MOST: usize = 8 << 20;

impl Frame {
    fn parts(&self) -> (u8, &[u8]) {
        match self {
            Self::Stdin(data) => (0, data),
            Self::Stdout(data) => (1, data),
            Self::Stderr(data) => (2, data),
            Self::Exit(_) => (3, &[]),
            Self::Refused(reason) => (4, reason.as_bytes()),
            Self::Resize(_) => (5, &[]),
        }
    }

    /// Writes it.
    pub(super) async fn write(&self, to: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        let four;
        let (kind, mut data) = self.parts();
        let number = match self {
            Self::Exit(code) => Some(*code),
            Self::Resize(Window { rows, columns }) => Some((i32::from(*rows) << 16) | i32::from(*columns)),
            _ => None,
        };
        if let Some(number) = number {
            four = number.to_be_bytes();
            data = &four;
        }
        let length = u32::try_from(data.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
        let mut head = [kind, 0, 0, 0, 0];
        head[1..].copy_from_slice(&length.to_be_bytes());
        to.write_all(&head).await?;
        to.write_all(data).await?;
        to.flush().await
    }

    /// Reads one; nothing at the end of the connection.
    pub(super) async fn read(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Self>> {
        let block = read_block(from).await?;
        block.map(|(kind, data)| Self::parse(kind, data)).transpose()
    }

    /// Takes one out of what has been read; nothing if it is not there whole.
    pub(super) fn take(buffer: &mut BytesMut) -> io::Result<Option<Self>> {
        let Some((head, rest)) = buffer.split_at_checked(HEAD) else { return Ok(None) };
        let (kind, length) = parse_head(head)?;
        if rest.len() < length {
            buffer.reserve(length);
            return Ok(None);
        }
        buffer.advance(HEAD);
        Self::parse(kind, buffer.split_to(length).to_vec()).map(Some)
    }

    fn parse(kind: u8, data: Vec<u8>) -> io::Result<Self> {
        let bad = || io::Error::from(io::ErrorKind::InvalidData);
        Ok(match kind {
            0 => Self::Stdin(data),
            1 => Self::Stdout(data),
            2 => Self::Stderr(data),
            3 => Self::Exit(i32::from_be_bytes(data.try_into().map_err(|_| bad())?)),
            4 => Self::Refused(String::from_utf8_lossy(&data).into_owned()),
            5 => {
                let [high, low, left, right] = data.try_into().map_err(|_| bad())?;
                let (rows, columns) = (u16::from_be_bytes([high, low]), u16::from_be_bytes([left, right]));
                Self::Resize(Window { rows, columns })
            }
            _ => return Err(bad()),
        })
    }
}

/// The kind that stands before a job.
const JOB: u8 = 0x4a;

/// Writes a job.
pub(super) async fn write_job(job: &super::Job, to: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
    let text = serde_json::to_vec(job)?;
    if text.len() > MOST {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let length = u32::try_from(text.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    to.write_all(&[&[JOB][..], &length.to_be_bytes(), &text].concat()).await?;
    to.flush().await
}

/// Reads a job; nothing if the connection ends before.
pub(super) async fn read_job(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<super::Job>> {
    match read_block(from).await? {
        None => Ok(None),
        Some((JOB, text)) => Ok(Some(serde_json::from_slice(&text)?)),
        Some(_) => Err(io::ErrorKind::InvalidData.into()),
    }
}

async fn read_block(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<(u8, Vec<u8>)>> {
    let mut head = [0; HEAD];
    match from.read_exact(&mut head).await {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    };
    let (kind, length) = parse_head(&head)?;
    let mut data = vec![0; length];
    from.read_exact(&mut data).await?;
    Ok(Some((kind, data)))
}

/// The kind, and how many bytes follow.
fn parse_head(head: &[u8]) -> io::Result<(u8, usize)> {
    let [kind, length @ ..] = <[u8; HEAD]>::try_from(head).map_err(|_| io::ErrorKind::InvalidData)?;
    let length = u32::from_be_bytes(length) as usize;
    if length > MOST { Err(io::ErrorKind::InvalidData.into()) } else { Ok((kind, length)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_written_is_read() {
        let frames = [
            Frame::Stdin(Vec::new()),
            Frame::Stdout(b"out".to_vec()),
            Frame::Stderr(vec![0; 70_000]),
            Frame::Exit(-1),
            Frame::Refused("no".to_owned()),
            Frame::Resize(Window { rows: 40_000, columns: 80 }),
        ];
        let mut bytes = Vec::new();
        for frame in &frames {
            frame.write(&mut bytes).await.expect("written");
        }
        let mut rest = &bytes[..];
        for frame in &frames {
            assert_eq!(Frame::read(&mut rest).await.expect("read").as_ref(), Some(frame));
        }
        let (mut buffer, mut taken) = (BytesMut::new(), Vec::new());
        for byte in &bytes {
            buffer.extend_from_slice(&[*byte]);
            taken.extend(Frame::take(&mut buffer).expect("taken"));
        }
        assert_eq!(taken, frames);
        assert_eq!(Frame::read(&mut rest).await.expect("read"), None);
        assert!(Frame::read(&mut &[9, 0, 0, 0, 0][..]).await.is_err());
        assert!(Frame::read(&mut &[1, 255, 255, 255, 255][..]).await.is_err());
    }
}
