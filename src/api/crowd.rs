//! Room for connections, of which those that have not called yet give way.

use std::collections::VecDeque;
use std::future::pending;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::sleep;

/// The connections that have sent no whole request yet, oldest first.
///
/// Who opens thousands and sends nothing would keep everybody else out; so the oldest of these is closed when there
/// are too many. A client that means it has sent its request long before.
#[derive(Clone)]
pub(super) struct Crowd {
    waiting: Arc<Mutex<Waiting>>,
    most: usize,
}

#[derive(Default)]
struct Waiting {
    /// Ids only grow, so the queue is sorted by them.
    queue: VecDeque<(u64, Arc<Notify>)>,
    next: u64,
}

/// A connection's place among them, until it calls or ends.
pub(super) struct Newcomer {
    place: Place,
    evicted: Arc<Notify>,
}

/// What ends a newcomer's wait.
#[derive(Clone)]
pub(super) struct Place {
    crowd: Crowd,
    id: u64,
    called: Arc<AtomicBool>,
}

impl Crowd {
    /// Room for so many.
    pub(super) fn new(most: usize) -> Self {
        Self { waiting: Arc::default(), most }
    }

    /// Takes a newcomer in, for whom the oldest one goes if there is no room.
    pub(super) fn enter(&self) -> Newcomer {
        let evicted = Arc::new(Notify::new());
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.queue.len() >= self.most
            && let Some((_, oldest)) = waiting.queue.pop_front()
        {
            oldest.notify_one();
        }
        let id = waiting.next;
        waiting.next += 1;
        waiting.queue.push_back((id, Arc::clone(&evicted)));
        Newcomer { place: Place { crowd: self.clone(), id, called: Arc::default() }, evicted }
    }
}

impl Place {
    /// Has called: it is evicted no more.
    pub(super) fn settle(&self) {
        if self.called.swap(true, Ordering::Relaxed) {
            return;
        }
        let mut waiting = self.crowd.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Ok(place) = waiting.queue.binary_search_by_key(&self.id, |(id, _)| *id) {
            waiting.queue.remove(place);
        }
    }
}

impl Newcomer {
    /// What ends its wait.
    pub(super) fn place(&self) -> Place {
        self.place.clone()
    }

    /// Returns when it must go.
    pub(super) async fn evicted(&self) {
        self.evicted.notified().await;
    }

    /// Returns if it has not called in time: hyper has no limit for that before it knows the version of HTTP, nor for
    /// HTTP/2.
    pub(super) async fn overstays(&self, patience: Duration) {
        sleep(patience).await;
        if self.place.called.load(Ordering::Relaxed) {
            pending::<()>().await;
        }
    }
}

impl Drop for Newcomer {
    fn drop(&mut self) {
        self.place.settle();
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn the_oldest_that_has_not_called_goes() {
        let crowd = Crowd::new(2);
        let newcomers = [crowd.enter(), crowd.enter()];
        newcomers[0].place().settle();
        let more = [crowd.enter(), crowd.enter()];
        newcomers[1].evicted().await;
        let evicted = more.iter().chain([&newcomers[0]]).map(|newcomer| newcomer.evicted().now_or_never());
        assert!(evicted.into_iter().all(|gone| gone.is_none()), "one more went than had to");
    }

    #[test]
    fn who_ends_leaves_its_place() {
        let crowd = Crowd::new(1);
        for _ in 0..10 {
            drop(crowd.enter());
        }
        assert!(crowd.waiting.lock().expect("no panic").queue.is_empty());
    }
}
