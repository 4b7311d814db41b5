//! What an attempt leads to: for its delivery, and for the circuit of the endpoint that it went to.

use super::{
    attempt::{Attempt, Outcome, Policy},
    delivery::Delivery,
    retry::{self, Backoff},
    timestamp::Timestamp,
};
use std::time::Duration;

/// What is said of an attempt in doubt by the policy "at most once".
pub const NOT_REPEATED: &str = "told at most once, so not sent again";

/// What an attempt says of the endpoint it went to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    Up,
    Down {
        retry_after: Option<Duration>,
    },
    /// It was not contacted.
    Silence,
}

/// A circuit as an attempt found it when it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// As far as was known, the endpoint is up.
    Closed,
    /// The endpoint is down, and this attempt is the one that sees whether it still is.
    Probed { failures: u32, opened_at: Timestamp },
}

/// What becomes of the endpoint's circuit. It is kept in a row, so that all processes heed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is closed if it was open, and what was paused is due.
    Up,
    /// It is opened, or stays open: nothing is sent there before `until`, and then one probe.
    Down { found: Found, until: Timestamp, reason: String },
}

/// Where an attempt goes: its endpoint's name, and the circuit as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    pub endpoint: String,
    pub found: Found,
}

/// All that one attempt leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    pub outcome: Outcome,
    /// Without an endpoint there is none.
    pub verdict: Option<Verdict>,
    /// From now until the next attempt the horizon does not come nearer.
    pub paused: bool,
}

/// By what rules an attempt is settled: its channel's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    pub policy: Policy,
    pub backoff: Backoff,
    /// Whether the provider can be asked about an attempt; then the policy need not decide yet.
    pub can_ask: bool,
}

impl Attempt {
    pub fn signal(&self) -> Signal {
        match self {
            Self::NotMade { .. } | Self::Unsendable { .. } => Signal::Silence,
            Self::Down { retry_after, .. } | Self::Unknown { provider_ref: None, retry_after, .. } => {
                Signal::Down { retry_after: *retry_after }
            }
            Self::Delivered { .. } | Self::Transient { .. } | Self::Permanent { .. } | Self::Unknown { .. } => Signal::Up,
        }
    }
}

impl Delivery {
    /// Until when attempts are made: [`retry::HORIZON`] after the event, or after an operator had it tried again, and longer
    /// by the time that they were paused.
    pub fn horizon(&self) -> Timestamp {
        let since = self.reopened_at.unwrap_or(self.received.event.occurred_at);
        since.plus(retry::HORIZON).plus(self.extended_by.min(retry::LONGEST_PAUSE))
    }

    /// What becomes of the delivery, and of the circuit on its way, when the attempt ended so. `draw` is a random number
    /// from 0 to 1.
    pub fn settle(&self, attempt: Attempt, rules: Rules, way: Option<&Way>, now: Timestamp, draw: f64) -> Settlement {
        let verdict = way.and_then(|way| way.judge(&attempt, now, draw));
        let (paused, until) = match &verdict {
            // A probe asks for all that waits: its delivery waits with them, for as long as they do.
            Some(Verdict::Down { found: found @ Found::Probed { .. }, until, .. }) => {
                (found.outage(now) < retry::LONGEST_PAUSE, Some(*until))
            }
            // Others may get through; what is turned away again and again keeps to its own waits and its horizon, unless the
            // receiver asks for a longer pause.
            Some(Verdict::Down { found: Found::Closed, until, .. }) => {
                let own = rules.backoff.next(now, self.attempt, draw);
                (*until > own, Some(own.max(*until)))
            }
            Some(Verdict::Up) | None => (false, None),
        };
        let next = |retry_after: Option<Duration>| {
            let wait = rules.backoff.after(self.attempt, draw).max(retry_after.unwrap_or_default().min(retry::LONGEST_WISH));
            Some(until.unwrap_or_else(|| now.plus(wait))).filter(|next| paused || *next <= self.horizon())
        };
        let given_up = |reason: &str| format!("{reason} (given up after {} attempts)", self.attempt);
        let outcome = match attempt {
            Attempt::Delivered { provider_id } => Outcome::Succeeded { provider_id },
            Attempt::Permanent { reason } | Attempt::Unsendable { reason } => Outcome::Failed { reason },
            Attempt::NotMade { reason } => match next(None) {
                Some(next_attempt_at) => Outcome::Retrying { reason, next_attempt_at },
                None => Outcome::Failed { reason: given_up(&reason) },
            },
            Attempt::Transient { reason, retry_after } | Attempt::Down { reason, retry_after } => match next(retry_after) {
                Some(next_attempt_at) => Outcome::Retrying { reason, next_attempt_at },
                None => Outcome::Failed { reason: given_up(&reason) },
            },
            Attempt::Unknown { reason, provider_ref, .. } if rules.policy == Policy::AtMostOnce && !rules.can_ask => {
                Outcome::Unknown { reason: format!("{reason} ({NOT_REPEATED})"), provider_ref, next_attempt_at: None }
            }
            Attempt::Unknown { reason, provider_ref, retry_after } => match next(retry_after) {
                Some(next) => Outcome::Unknown { reason, provider_ref, next_attempt_at: Some(next) },
                None => Outcome::Unknown { reason: given_up(&reason), provider_ref, next_attempt_at: None },
            },
        };
        let paused = paused && matches!(outcome, Outcome::Retrying { .. } | Outcome::Unknown { next_attempt_at: Some(_), .. });
        Settlement { outcome, verdict, paused }
    }
}

impl Found {
    /// For how long the endpoint has been down.
    pub fn outage(self, now: Timestamp) -> Duration {
        match self {
            Self::Closed => Duration::ZERO,
            Self::Probed { opened_at, .. } => now.since(opened_at),
        }
    }

    /// Failures in a row before this attempt.
    pub fn failures(self) -> u32 {
        match self {
            Self::Closed => 0,
            Self::Probed { failures, .. } => failures,
        }
    }
}

impl Way {
    fn judge(&self, attempt: &Attempt, now: Timestamp, draw: f64) -> Option<Verdict> {
        let retry_after = match attempt.signal() {
            Signal::Silence => return None,
            Signal::Up => return Some(Verdict::Up),
            Signal::Down { retry_after } => retry_after.unwrap_or_default().min(retry::LONGEST_WISH),
        };
        let pause = retry::PROBE.after(self.found.failures().saturating_add(1), draw);
        let until = now.plus(pause.max(retry_after));
        Some(Verdict::Down { found: self.found, until, reason: attempt.reason().to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        Timestamp::from_millis(0)
    }

    fn way(found: Found) -> Way {
        Way { endpoint: "x".into(), found }
    }

    fn judged(attempt: &Attempt, found: Found) -> Option<Verdict> {
        way(found).judge(attempt, now(), 1.0)
    }

    #[test]
    fn whoever_answered_is_up_and_whoever_did_not_is_down() {
        let (reason, retry_after, provider_ref) = (String::new(), None, None);
        let answered = [
            Attempt::Delivered { provider_id: None },
            Attempt::Transient { reason: reason.clone(), retry_after },
            Attempt::Permanent { reason: reason.clone() },
            Attempt::Unknown { reason: reason.clone(), provider_ref: Some("7".into()), retry_after },
        ];
        assert!(answered.iter().all(|attempt| judged(attempt, Found::Closed) == Some(Verdict::Up)));
        let silent =
            [Attempt::Down { reason: reason.clone(), retry_after }, Attempt::Unknown { reason: reason.clone(), provider_ref, retry_after }];
        assert!(silent.iter().all(|attempt| matches!(judged(attempt, Found::Closed), Some(Verdict::Down { .. }))));
        let ours = [Attempt::NotMade { reason: reason.clone() }, Attempt::Unsendable { reason }];
        assert!(ours.iter().all(|attempt| judged(attempt, Found::Closed).is_none()));
    }

    #[test]
    fn pauses_double_with_each_probe_that_failed_and_are_never_shorter_than_what_was_asked_for() {
        let until = |failures, retry_after| {
            let found = if failures == 0 { Found::Closed } else { Found::Probed { failures, opened_at: now() } };
            match judged(&Attempt::Down { reason: String::new(), retry_after }, found) {
                Some(Verdict::Down { until, .. }) => until.since(now()),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!([0, 1, 2, 50].map(|failures| until(failures, None)), [2, 4, 8, 300].map(Duration::from_secs));
        assert_eq!(until(0, Some(Duration::from_hours(1))), Duration::from_hours(1));
        assert_eq!(until(0, Some(Duration::MAX)), retry::LONGEST_WISH);
    }
}
