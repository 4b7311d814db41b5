//! Whether the bus is worth asking: after a failure nobody asks for a while, then one does for all.

use super::{retry::Backoff, timestamp::Timestamp};
use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Between two probes.
const PAUSE: Backoff = Backoff { first: Duration::from_millis(500), longest: Duration::from_secs(15) };
/// A probe that was not heard of for so long is forgotten: its process may be stuck.
const PROBE: Duration = Duration::from_secs(30);

/// Shared by all that publish in this process.
#[derive(Debug, Default)]
pub struct Circuit(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// 0: closed.
    failures: u32,
    open_until: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permit {
    /// As much as there is.
    All,
    /// One message, to see whether the bus is back; [`Circuit::succeeded`], [`Circuit::failed`] or [`Circuit::unused`] follows.
    Probe,
    /// Nothing before then.
    Nothing { until: Timestamp },
}

impl Circuit {
    pub fn permit(&self, now: Timestamp) -> Permit {
        let mut state = self.lock();
        match state.open_until {
            None => Permit::All,
            Some(until) if now < until => Permit::Nothing { until },
            Some(_) => {
                state.open_until = Some(now.plus(PROBE));
                Permit::Probe
            }
        }
    }

    /// Says whether this ended an outage.
    pub fn succeeded(&self) -> bool {
        std::mem::take(&mut *self.lock()).failures > 0
    }

    /// Says whether this began an outage. `draw` is a random number from 0 to 1.
    pub fn failed(&self, now: Timestamp, draw: f64) -> bool {
        let mut state = self.lock();
        state.failures += 1;
        state.open_until = Some(now.plus(PAUSE.after(state.failures, draw)));
        state.failures == 1
    }

    /// There was nothing to probe with: the next one may.
    pub fn unused(&self, now: Timestamp) {
        self.lock().open_until = Some(now);
    }

    /// When the next probe may be made; `None` while the circuit is closed.
    pub fn open_until(&self) -> Option<Timestamp> {
        self.lock().open_until
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_probe_at_a_time_closes_it_again() {
        let (circuit, now) = (Circuit::default(), Timestamp::from_millis(0));
        assert_eq!(circuit.permit(now), Permit::All);
        assert!(circuit.failed(now, 1.0) && !circuit.failed(now, 1.0));
        let until = now.plus(Duration::from_secs(1));
        assert_eq!(circuit.permit(now), Permit::Nothing { until });
        assert_eq!(circuit.permit(until), Permit::Probe);
        assert!(matches!(circuit.permit(until), Permit::Nothing { .. }), "the probe is under way");
        circuit.unused(until);
        assert_eq!(circuit.permit(until), Permit::Probe);
        assert!(circuit.succeeded() && !circuit.succeeded());
        assert_eq!(circuit.permit(now), Permit::All);
    }
}
