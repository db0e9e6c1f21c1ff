//! Calls of the last hour, minute by minute.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Minutes that are remembered.
const MINUTES: usize = 60;

/// What was counted.
pub struct Pulse {
    started: Instant,
    minutes: Mutex<[(u64, Minute); MINUTES]>,
}

/// One minute.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub struct Minute {
    /// Calls that were answered.
    pub calls: u32,
    /// Those of them that were refused or failed.
    pub failed: u32,
    /// The time that all took.
    pub took: Duration,
    /// The time that the slowest took.
    pub slowest: Duration,
}

impl Default for Pulse {
    fn default() -> Self {
        Self { started: Instant::now(), minutes: Mutex::new([(0, Minute::default()); MINUTES]) }
    }
}

impl Pulse {
    /// Counts a call.
    pub fn count(&self, took: Duration, failed: bool) {
        self.count_at(self.minute(), took, failed);
    }

    fn count_at(&self, minute: u64, took: Duration, failed: bool) {
        let mut minutes = self.minutes.lock().unwrap_or_else(PoisonError::into_inner);
        let (number, counted) = &mut minutes[place(minute)];
        if *number != minute {
            (*number, *counted) = (minute, Minute::default());
        }
        counted.calls += 1;
        counted.failed += u32::from(failed);
        counted.took += took;
        counted.slowest = counted.slowest.max(took);
    }

    /// The last hour, the oldest minute first.
    pub fn last_hour(&self) -> Vec<Minute> {
        self.last_hour_at(self.minute())
    }

    fn last_hour_at(&self, now: u64) -> Vec<Minute> {
        let minutes = self.minutes.lock().unwrap_or_else(PoisonError::into_inner);
        let back = (0..MINUTES as u64).rev();
        back.map(|back| {
            let counted = now.checked_sub(back).map(|minute| (minute, minutes[place(minute)]));
            counted
                .filter(|(minute, (number, _))| minute == number)
                .map(|(_, (_, counted))| counted)
                .unwrap_or_default()
        })
        .collect()
    }

    /// How long the daemon has been there.
    pub fn uptime(&self) -> Duration {
        self.started.elapsed()
    }

    fn minute(&self) -> u64 {
        self.started.elapsed().as_secs() / 60
    }
}

fn place(minute: u64) -> usize {
    usize::try_from(minute % MINUTES as u64).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_is_remembered_and_no_more() {
        let pulse = Pulse::default();
        pulse.count_at(0, Duration::from_millis(1), false);
        pulse.count_at(5, Duration::from_millis(2), true);
        pulse.count_at(5, Duration::from_millis(4), false);
        let hour = pulse.last_hour_at(5);
        assert_eq!((hour.len(), hour[59].calls, hour[59].failed, hour[54].calls), (60, 2, 1, 1));
        assert_eq!((hour[59].took, hour[59].slowest), (Duration::from_millis(6), Duration::from_millis(4)));
        assert_eq!(pulse.last_hour_at(60).iter().map(|minute| minute.calls).sum::<u32>(), 2, "the first has gone");
        assert!(pulse.last_hour_at(1000).iter().all(|minute| *minute == Minute::default()));
    }
}
