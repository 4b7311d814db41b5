//! How often a handler may fail before the host gives up (contract §2.5).

use std::time::Duration;
use tokio::time::Instant;

const ALLOWED: usize = 3;
const WINDOW: Duration = Duration::from_mins(30);

/// Emptied only when more than half an hour has passed since the error before.
#[derive(Debug, Default)]
pub struct Errors {
    count: usize,
    last: Option<Instant>,
}

impl Errors {
    /// Counts one; says whether it is one too many.
    pub fn count(&mut self, at: Instant) -> bool {
        if self.last.is_some_and(|last| at.duration_since(last) > WINDOW) {
            self.count = 0;
        }
        self.last = Some(at);
        self.count += 1;
        self.count >= ALLOWED
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_third_error_is_too_many_unless_half_an_hour_was_quiet() {
        let start = Instant::now();
        let minutes = |count| start + Duration::from_mins(count);
        let mut errors = Errors::default();
        assert_eq!([0, 29, 58].map(|at| errors.count(minutes(at))), [false, false, true]);
        let mut errors = Errors::default();
        assert_eq!([0, 1, 32, 33, 34].map(|at| errors.count(minutes(at))), [false, false, false, false, true]);
    }
}
