//! Links that are lost again and again for one cause. Each is made good at once, so that nobody would hear of it.

use super::error::{Error, ErrorKind};
use std::time::Duration;
use tokio::time::Instant;

/// Losses are of one series when no more than this is between them: the longest that Service Bus may lock a message, which
/// comes again then and may cost the next link.
const SERIES: Duration = Duration::from_mins(5);

#[derive(Debug, Default)]
pub(super) struct Losses {
    cause: String,
    times: u32,
    last: Option<Instant>,
}

impl Losses {
    /// Counts a loss; gives which one of its series it is, from 1. What is routine is none.
    pub(super) fn count(&mut self, error: &Error) -> u32 {
        if matches!(error.kind, ErrorKind::Idle | ErrorKind::Closed) {
            return 0;
        }
        let (now, cause) = (Instant::now(), error.to_string());
        let is_of_the_series = self.cause == cause && self.ends_at().is_some_and(|end| now <= end);
        self.times = if is_of_the_series { self.times.saturating_add(1) } else { 1 };
        (self.cause, self.last) = (cause, Some(now));
        self.times
    }

    /// When the series is over, unless there is another loss before.
    pub(super) fn ends_at(&self) -> Option<Instant> {
        self.last.map(|last| last + SERIES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LITTLE_LESS: Duration = SERIES.saturating_sub(Duration::from_secs(1));

    fn lost(text: &str) -> Error {
        Error::new(ErrorKind::Link, text)
    }

    #[tokio::test(start_paused = true)]
    async fn losses_of_one_cause_are_counted_until_five_minutes_bring_none() {
        let mut losses = Losses::default();
        assert_eq!((losses.count(&lost("too large")), losses.count(&lost("too large"))), (1, 2));
        tokio::time::advance(LITTLE_LESS).await;
        assert_eq!(losses.count(&lost("too large")), 3);
        tokio::time::advance(SERIES * 2).await;
        assert_eq!(losses.count(&lost("too large")), 1);
        assert_eq!(losses.count(&lost("something else")), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_link_that_was_idle_is_no_loss_and_ends_no_series() {
        let mut losses = Losses::default();
        losses.count(&lost("too large"));
        assert_eq!(losses.count(&Error::new(ErrorKind::Idle, "idle")), 0);
        assert_eq!(losses.count(&lost("too large")), 2);
    }
}
