//! Chance, from the kernel.

use std::time::Duration;

/// A number below the limit.
pub(crate) fn random_below(limit: u32) -> u32 {
    let mut random = [0; 4];
    getrandom::fill(&mut random).expect("randomness");
    u32::from_ne_bytes(random) % limit
}

/// A time of so many milliseconds, to the microsecond.
pub(crate) fn random_time(milliseconds: std::ops::Range<u32>) -> Duration {
    let width = (milliseconds.end - milliseconds.start) * 1000;
    Duration::from_micros(u64::from(milliseconds.start * 1000 + random_below(width)))
}
