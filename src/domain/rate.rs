//! How many a second, for each of many.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// A token bucket for each key: so many at once, and as many more each second.
pub struct Rates<K> {
    most: f64,
    per_second: Option<f64>,
    buckets: Mutex<HashMap<K, Bucket>>,
}

/// How many keys are remembered. Beyond it those that are full again, and so say nothing, are forgotten.
const REMEMBERED: usize = 4096;

#[derive(Clone, Copy)]
struct Bucket {
    left: f64,
    at: Instant,
}

impl<K: Clone + Eq + Hash> Rates<K> {
    /// A limit for each key; 0 a second is none.
    pub fn new(at_once: u32, per_second: u32) -> Self {
        let per_second = Some(per_second).filter(|n| *n > 0).map(f64::from);
        Self { most: f64::from(at_once), per_second, buckets: Mutex::default() }
    }

    /// Takes one; whether there was one.
    pub fn take(&self, key: &K) -> bool {
        self.take_at(key, Instant::now())
    }

    /// Whether there is none left.
    pub fn is_exhausted(&self, key: &K) -> bool {
        let Some(per_second) = self.per_second else { return false };
        let buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        buckets.get(key).is_some_and(|bucket| bucket.refilled(self.most, per_second, Instant::now()).left < 1.0)
    }

    fn take_at(&self, key: &K, now: Instant) -> bool {
        let Some(per_second) = self.per_second else { return true };
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= REMEMBERED && !buckets.contains_key(key) {
            buckets.retain(|_, bucket| bucket.refilled(self.most, per_second, now).left < self.most);
        }
        let bucket = buckets.entry(key.clone()).or_insert(Bucket { left: self.most, at: now });
        *bucket = bucket.refilled(self.most, per_second, now);
        let there = bucket.left >= 1.0;
        if there {
            bucket.left -= 1.0;
        }
        there
    }
}

impl Bucket {
    fn refilled(self, most: f64, per_second: f64, now: Instant) -> Self {
        let gained = now.saturating_duration_since(self.at).as_secs_f64() * per_second;
        Self { left: (self.left + gained).min(most), at: now }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_key_has_its_own() {
        let rates = Rates::new(2, 2);
        let now = Instant::now();
        assert_eq!([1, 1, 1, 2].map(|key| rates.take_at(&key, now)), [true, true, false, true]);
        assert!(rates.is_exhausted(&1) && !rates.is_exhausted(&2) && !rates.is_exhausted(&3));
        let later = now + Duration::from_millis(500);
        assert_eq!([1, 1].map(|key| rates.take_at(&key, later)), [true, false]);
        let much_later = now + Duration::from_secs(100);
        assert_eq!([1, 1, 1].map(|key| rates.take_at(&key, much_later)), [true, true, false]);
    }

    #[test]
    fn no_limit_is_no_limit() {
        let rates = Rates::new(0, 0);
        assert!((0..1000).all(|_| rates.take(&0)) && !rates.is_exhausted(&0));
    }

    #[test]
    fn the_past_is_forgotten() {
        let rates = Rates::new(1, 1);
        let now = Instant::now();
        for key in 0..3 * REMEMBERED {
            rates.take_at(&key, now + Duration::from_secs(2) * u32::try_from(key).expect("small"));
        }
        assert!(rates.buckets.lock().expect("no panic").len() <= REMEMBERED);
    }
}
