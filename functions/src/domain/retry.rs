//! When to try again: exponential back-off with full jitter, and where it ends.

use super::timestamp::Timestamp;
use std::time::Duration;

/// Waits grow from `first` by doubling up to `longest`; a random share of at least half of each is waited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    pub first: Duration,
    pub longest: Duration,
}

/// Publishing: never given up, as the event is committed.
pub const PUBLISH: Backoff = Backoff { first: Duration::from_millis(500), longest: Duration::from_mins(1) };
/// Telling the customer.
pub const DELIVER: Backoff = Backoff { first: Duration::from_secs(2), longest: Duration::from_hours(1) };
/// Between two probes of a receiver that is down.
pub const PROBE: Backoff = Backoff { first: Duration::from_secs(2), longest: Duration::from_mins(5) };
/// A probe that was not heard of for so long is forgotten: its process may have died.
pub const PROBE_LOST: Duration = Duration::from_mins(1);
/// An outage of a receiver costs its notifications nothing of their horizon for so long, and all outages together cost one
/// nothing for so long.
pub const LONGEST_PAUSE: Duration = Duration::from_hours(72);
/// A notification that could not be delivered within this time of its event has failed; time that its attempts were
/// paused, since the receiver was down, does not count.
pub const HORIZON: Duration = Duration::from_hours(24);
/// The longest that a receiver's wish to be left alone is followed.
pub const LONGEST_WISH: Duration = Duration::from_hours(12);

impl Backoff {
    /// The wait after the `attempt`-th failure (from 1); `draw` is a random number from 0 to 1.
    pub fn after(self, attempt: u32, draw: f64) -> Duration {
        let doubled = self.first.saturating_mul(2_u32.saturating_pow(attempt.saturating_sub(1).min(20)));
        doubled.min(self.longest).mul_f64(0.5 + draw.clamp(0.0, 1.0) / 2.0)
    }

    pub fn next(self, now: Timestamp, attempt: u32, draw: f64) -> Timestamp {
        now.plus(self.after(attempt, draw))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_are_never_less_than_half() {
        let backoff = Backoff { first: Duration::from_secs(1), longest: Duration::from_mins(1) };
        assert_eq!(backoff.after(1, 1.0), Duration::from_secs(1));
        assert_eq!(backoff.after(1, 0.0), Duration::from_millis(500));
        assert_eq!(backoff.after(4, 1.0), Duration::from_secs(8));
        assert_eq!(backoff.after(u32::MAX, 1.0), Duration::from_mins(1));
    }
}
