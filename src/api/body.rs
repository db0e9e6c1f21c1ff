//! Reads requests' bodies whole before they are answered, whoever sent them.
//!
//! A client that is answered while it still sends may see a broken pipe in place of the answer (Node does), so even a
//! body that is too long, or a stranger's, is read to an end. How much memory that takes together is bounded.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::config::Limits;

/// Memory for the bodies of callers that are known, and of those that are not, in KiB. The latter can't crowd out the
/// former.
const KNOWN: usize = 256 << 10;
const STRANGERS: usize = 16 << 10;
/// How many times the longest body is read, and thrown away, before the connection is given up.
const PATIENCE: usize = 16;

/// Memory for all bodies that are being read, or belong to a call that is being answered.
pub(super) struct Bodies {
    most: usize,
    within: Duration,
    known: Arc<Semaphore>,
    strangers: Arc<Semaphore>,
}

/// A whole body, and its part of the memory until the call is answered.
pub(super) struct Whole {
    pub(super) bytes: Bytes,
    _room: Option<OwnedSemaphorePermit>,
}

/// Why a body was not read: what the caller is told, on a connection that ends then.
pub(super) struct Unread {
    pub(super) status: StatusCode,
    pub(super) message: &'static str,
}

impl Bodies {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            most: limits.body_bytes,
            within: limits.call,
            known: Arc::new(Semaphore::new(KNOWN)),
            strangers: Arc::new(Semaphore::new(STRANGERS)),
        }
    }

    /// Reads a body. One that is too long comes back as one byte more than is allowed: the services refuse it in the
    /// caller's protocol.
    pub(super) async fn read(&self, body: Incoming, caller_is_known: bool) -> Result<Whole, Unread> {
        let room = if caller_is_known { &self.known } else { &self.strangers };
        match timeout(self.within, self.read_within(body, room)).await {
            Ok(read) => read,
            Err(_) => Err(Unread {
                status: StatusCode::REQUEST_TIMEOUT,
                message: "the request's body did not come in time\n",
            }),
        }
    }

    async fn read_within(&self, mut body: Incoming, room: &Arc<Semaphore>) -> Result<Whole, Unread> {
        let expected = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX).min(self.most);
        let mut taken = room_for(room, expected)?;
        let mut bytes = Vec::with_capacity(expected);
        let mut received = 0;
        while let Some(frame) = body.frame().await {
            let broken = |_| Unread { status: StatusCode::BAD_REQUEST, message: "the request's body broke off\n" };
            let Ok(data) = frame.map_err(broken)?.into_data() else { continue };
            received += data.len();
            if received > self.most * PATIENCE {
                return Err(Unread {
                    status: StatusCode::PAYLOAD_TOO_LARGE,
                    message: "the request's body is too long\n",
                });
            }
            if received > self.most {
                (bytes, taken) = (Vec::new(), None);
                continue;
            }
            if received > bytes.capacity() {
                // Twice as much each time, like the buffer.
                let more = room_for(room, bytes.capacity().max(data.len()))?;
                match (&mut taken, more) {
                    (Some(taken), Some(more)) => taken.merge(more),
                    (taken, more) => *taken = more.or(taken.take()),
                }
            }
            bytes.extend_from_slice(&data);
        }
        if received > self.most {
            bytes = vec![0; self.most + 1];
        }
        Ok(Whole { bytes: bytes.into(), _room: taken })
    }
}

/// Room for so many bytes; small bodies, which most are, need none.
fn room_for(room: &Arc<Semaphore>, bytes: usize) -> Result<Option<OwnedSemaphorePermit>, Unread> {
    let kibibytes = u32::try_from(bytes >> 10).unwrap_or(u32::MAX);
    if kibibytes == 0 {
        return Ok(None);
    }
    let full =
        |_| Unread { status: StatusCode::SERVICE_UNAVAILABLE, message: "too many large requests at once: try again\n" };
    Arc::clone(room).try_acquire_many_owned(kibibytes).map(Some).map_err(full)
}
