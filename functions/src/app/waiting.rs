//! Deliveries that are leased to this process and whose attempts have not begun: they can be given back.

use crate::{domain::timestamp::Timestamp, store::Lease};
use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

#[derive(Debug, Default)]
pub struct Waiting(Mutex<HashSet<Lease>>);

impl Waiting {
    pub fn enter(&self, lease: Lease) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(lease);
    }

    /// Ends the waiting. `false`: the delivery was given back meanwhile, and is not this attempt's any more.
    pub fn leave(&self, lease: Lease) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&lease)
    }

    /// Those that have ended. Whoever gets them gives them back; their attempts are not made.
    pub fn take_late(&self, now: Timestamp) -> Vec<Lease> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extract_if(|lease| lease.until <= now).collect()
    }
}
