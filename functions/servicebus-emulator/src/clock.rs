//! The time that locks, time to live and schedules go by. Heartbeats and other transport matters use the machine's.

use std::{
    fmt::Debug,
    pin::Pin,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::sync::watch;

pub trait Clock: Debug + Send + Sync + 'static {
    /// Milliseconds since the Unix epoch.
    fn now(&self) -> i64;

    /// Completes when `now()` is `at` or later.
    fn sleep_until(&self, at: i64) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> i64 {
        #[expect(clippy::disallowed_methods, reason = "this is the clock that others are handed")]
        let now = SystemTime::now();
        now.duration_since(UNIX_EPOCH).map_or(0, millis)
    }

    fn sleep_until(&self, at: i64) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        let wait = u64::try_from(at.saturating_sub(self.now())).unwrap_or(0);
        Box::pin(tokio::time::sleep(Duration::from_millis(wait)))
    }
}

/// Stands still until it is advanced. Starts at the machine's time, since clients compare lock ends with their own clock.
#[derive(Debug)]
pub struct ManualClock(watch::Sender<i64>);

impl Default for ManualClock {
    fn default() -> Self {
        Self(watch::Sender::new(SystemClock.now()))
    }
}

impl ManualClock {
    /// What has become due happens before any later request is answered.
    pub fn advance(&self, by: Duration) {
        self.0.send_modify(|now| *now = now.saturating_add(millis(by)));
    }
}

impl Clock for ManualClock {
    fn now(&self) -> i64 {
        *self.0.borrow()
    }

    fn sleep_until(&self, at: i64) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        let mut changes = self.0.subscribe();
        Box::pin(async move {
            // The sender lives as long as `self`, so that waiting can't fail.
            let _ = changes.wait_for(|now| *now >= at).await;
        })
    }
}

/// Whole milliseconds; what is beyond them is for ever.
pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
