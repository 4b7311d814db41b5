//! What this process last learnt of its database, so that to ask after its health need not wake it.

use super::super::{Result, StoreError};
use std::sync::{Mutex, PoisonError};

#[derive(Debug, Default)]
pub(super) struct Known(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    version: Option<i64>,
    fault: Option<StoreError>,
}

impl Known {
    /// A connection stands, and the schema has this version.
    pub(super) fn connected(&self, version: i64) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = State { version: Some(version), fault: None };
    }

    pub(super) fn answered(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).fault = None;
    }

    /// A refused statement and a full pool say nothing of the database's health.
    pub(super) fn failed(&self, error: &StoreError) {
        if matches!(error, StoreError::Unavailable(_) | StoreError::Refused(_) | StoreError::Paused(_) | StoreError::Schema { .. }) {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).fault = Some(error.clone());
        }
    }

    /// The schema's version, or what was wrong last; `None` before anything was tried.
    pub(super) fn state(&self) -> Option<Result<i64>> {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.fault.clone().map(Err).or(state.version.map(Ok))
    }
}
