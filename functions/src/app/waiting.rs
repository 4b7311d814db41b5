//! Deliveries that are leased to this process and whose attempts have not begun: they can be given back.

use crate::domain::{id::DeliveryId, timestamp::Timestamp};
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

/// Which attempt at which delivery.
pub type Turn = (DeliveryId, u32);

#[derive(Debug, Default)]
pub struct Waiting(Mutex<HashMap<Turn, Timestamp>>);

impl Waiting {
    pub fn enter(&self, turn: Turn, lease_until: Timestamp) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(turn, lease_until);
    }

    /// Ends the waiting. `false`: the delivery was given back meanwhile, and is not this attempt's any more.
    pub fn leave(&self, turn: Turn) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&turn).is_some()
    }

    /// Those whose leases have ended. Whoever gets them gives them back; their attempts are not made.
    pub fn take_late(&self, now: Timestamp) -> Vec<Turn> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.extract_if(|_, lease_until| *lease_until <= now).map(|(turn, _)| turn).collect()
    }
}
