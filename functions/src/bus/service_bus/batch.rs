//! Which messages travel together: as many as one transfer may carry.

use std::ops::Range;

/// A `data` section around a message: three bytes of descriptor, and a binary's code and 32-bit size (AMQP 1.0 §1.6.19, §3.2.6).
const AROUND_MESSAGE: usize = 8;
/// Kept free for what a broker may count besides.
const AROUND_BATCH: usize = 64;

/// Consecutive ranges of messages of these sizes, each at most `limit` bytes as a batch; a range of one is sent without the
/// batch around it. `Err` names a message that is too large even so; the others are not held up by it.
pub(super) fn split(sizes: &[usize], limit: usize) -> Vec<Result<Range<usize>, usize>> {
    let room = limit.saturating_sub(AROUND_BATCH);
    let mut batches = Vec::new();
    let (mut start, mut used) = (0, 0);
    for (index, size) in sizes.iter().enumerate() {
        let needed = size + AROUND_MESSAGE;
        if used + needed > room && start < index {
            batches.push(Ok(start..index));
            (start, used) = (index, 0);
        }
        if needed > room {
            batches.push(if *size > limit { Err(index) } else { Ok(index..index + 1) });
            start = index + 1;
        } else {
            used += needed;
        }
    }
    if start < sizes.len() {
        batches.push(Ok(start..sizes.len()));
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_as_full_as_they_may_be_and_keep_the_order() {
        let limit = AROUND_BATCH + 3 * (100 + AROUND_MESSAGE);
        assert_eq!(split(&[100; 7], limit), [Ok(0..3), Ok(3..6), Ok(6..7)]);
        assert_eq!(split(&[], limit), []);
    }

    #[test]
    fn a_message_that_is_too_large_holds_nobody_up() {
        let limit = AROUND_BATCH + 2 * (100 + AROUND_MESSAGE);
        assert_eq!(split(&[100, 500, 100, 100, 100], limit), [Ok(0..1), Err(1), Ok(2..4), Ok(4..5)]);
        assert_eq!(split(&[500], limit), [Err(0)]);
        assert_eq!(split(&[100, 500], limit), [Ok(0..1), Err(1)]);
        // The largest that fits.
        assert_eq!(split(&[100, limit, 100], limit), [Ok(0..1), Ok(1..2), Ok(2..3)]);
        assert_eq!(split(&[limit + 1], limit), [Err(0)]);
    }
}
