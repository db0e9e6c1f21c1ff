//! The daemon's stop, as answers that have no end of their own learn of it.

use std::pin::Pin;
use std::time::Duration;

use connectrpc::{ConnectError, ServiceStream};
use futures_util::stream::unfold;
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;

/// How long what would end by itself is left to, of the time that requests have.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// Told when the daemon stops.
#[derive(Clone)]
pub(super) struct Stopping(watch::Receiver<bool>);

/// Tells it.
pub(super) struct Stop(watch::Sender<bool>);

impl Stop {
    pub(super) fn new() -> (Self, Stopping) {
        let (sender, receiver) = watch::channel(false);
        (Self(sender), Stopping(receiver))
    }

    pub(super) fn begin(&self) {
        self.0.send_replace(true);
    }
}

/// What a caller is told whose token has ended.
pub(super) fn counts_no_more() -> ConnectError {
    ConnectError::unauthenticated("the token that this was begun with counts no more")
}

impl Stopping {
    /// Ready when the daemon has been stopping for so long; what callers are told then.
    pub(super) fn since(&self, patience: Duration) -> impl Future<Output = ConnectError> + Send + use<> {
        let mut stopping = self.0.clone();
        async move {
            // An error is that whoever would tell has gone.
            let _ = stopping.wait_for(|is_so| *is_so).await;
            sleep(patience).await;
            ConnectError::unavailable("the daemon is stopping: try again when it is back")
        }
    }

    /// What is sent, as a stream that ends so long after the daemon has begun to stop, and once whoever it is for has
    /// `ended` to be somebody.
    pub(super) fn stream<T: Send + 'static>(
        &self,
        receiver: mpsc::Receiver<Result<T, ConnectError>>,
        patience: Duration,
        ended: impl Future<Output = ()> + Send + 'static,
    ) -> ServiceStream<T> {
        let stopped: Pin<Box<dyn Future<Output = ConnectError> + Send>> = Box::pin(self.since(patience));
        let ended: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(ended);
        Box::pin(unfold(Some((receiver, stopped, ended)), |state| async move {
            let (mut receiver, mut stopped, mut ended) = state?;
            tokio::select! {
                biased;
                // First: there may always be something to be sent.
                () = &mut ended => Some((Err(counts_no_more()), None)),
                next = receiver.recv() => next.map(|next| (next, Some((receiver, stopped, ended)))),
                error = &mut stopped => Some((Err(error), None)),
            }
        }))
    }
}
