//! How daemon and agent talk: one connection for each job, on it a line of JSON, then frames both ways.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// A piece of a job's input, output or end.
#[derive(Clone, Debug, PartialEq, Eq)]
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
}

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
        }
    }

    /// Writes it.
    pub(super) async fn write(&self, to: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        let code;
        let (kind, mut data) = self.parts();
        if let Self::Exit(exit) = self {
            code = exit.to_be_bytes();
            data = &code;
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
        let Some((kind, data)) = read_block(from).await? else { return Ok(None) };
        let bad = || io::Error::from(io::ErrorKind::InvalidData);
        Ok(Some(match kind {
            0 => Self::Stdin(data),
            1 => Self::Stdout(data),
            2 => Self::Stderr(data),
            3 => Self::Exit(i32::from_be_bytes(data.try_into().map_err(|_| bad())?)),
            4 => Self::Refused(String::from_utf8_lossy(&data).into_owned()),
            _ => return Err(bad()),
        }))
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
    let mut head = [0; 5];
    match from.read_exact(&mut head).await {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    };
    let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
    if length > MOST {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut data = vec![0; length];
    from.read_exact(&mut data).await?;
    Ok(Some((head[0], data)))
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
        ];
        let mut bytes = Vec::new();
        for frame in &frames {
            frame.write(&mut bytes).await.expect("written");
        }
        let mut rest = &bytes[..];
        for frame in frames {
            assert_eq!(Frame::read(&mut rest).await.expect("read"), Some(frame));
        }
        assert_eq!(Frame::read(&mut rest).await.expect("read"), None);
        assert!(Frame::read(&mut &[9, 0, 0, 0, 0][..]).await.is_err());
        assert!(Frame::read(&mut &[1, 255, 255, 255, 255][..]).await.is_err());
    }
}
