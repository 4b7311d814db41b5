//! What the writer last met: reading tells nothing of a full disk or of a lock.

use super::super::{Result, StoreError};
use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// How long a fault is believed after it was last met. Several sweeps write in that time, unless they find nothing to do.
const BELIEVED: Duration = Duration::from_mins(1);

#[derive(Debug, Default)]
pub(super) struct Health(Mutex<Option<(StoreError, Instant)>>);

impl Health {
    /// A transaction has ended so. One that wrote no row proves nothing of the disk.
    pub(super) fn note(&self, committed: &Result<()>, has_rows: bool) {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match committed {
            Err(fault @ StoreError::Unwritable(_)) => *last = Some((fault.clone(), Instant::now())),
            Err(StoreError::Unavailable(why)) => *last = Some((StoreError::Unwritable(why.clone()), Instant::now())),
            Ok(()) if has_rows => *last = None,
            _ => {}
        }
    }

    pub(super) fn last_fault(&self) -> Option<StoreError> {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.as_ref().filter(|(_, met)| met.elapsed() < BELIEVED).map(|(fault, _)| fault.clone())
    }
}
