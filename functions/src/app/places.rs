//! Places for attempts: so many at a time in one process, and only a share of them at one endpoint, so that one that hangs
//! holds up nobody else.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Attempts that one process makes at the same time.
const AT_ONCE: usize = 64;
/// Of those, at one endpoint.
const AT_ONE_ENDPOINT: usize = 16;

#[derive(Debug)]
pub struct Places {
    all: Arc<Semaphore>,
    endpoints: Mutex<HashMap<String, Arc<Semaphore>>>,
}

/// The right to make one attempt, until it is dropped.
#[derive(Debug)]
pub struct Turn {
    _one: OwnedSemaphorePermit,
    _of_endpoint: Option<OwnedSemaphorePermit>,
}

impl Default for Places {
    fn default() -> Self {
        Self { all: Arc::new(Semaphore::new(AT_ONCE)), endpoints: Mutex::default() }
    }
}

impl Places {
    /// Waits for one. Who waits for an endpoint's turn takes no place from others meanwhile.
    pub async fn take(&self, endpoint: Option<&str>) -> Option<Turn> {
        let of_endpoint = match endpoint {
            Some(endpoint) => Some(self.of(endpoint).acquire_owned().await.ok()?),
            None => None,
        };
        let one = Arc::clone(&self.all).acquire_owned().await.ok()?;
        Some(Turn { _one: one, _of_endpoint: of_endpoint })
    }

    fn of(&self, endpoint: &str) -> Arc<Semaphore> {
        let mut endpoints = self.endpoints.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = endpoints.get(endpoint) {
            return Arc::clone(known);
        }
        let places = Arc::new(Semaphore::new(AT_ONE_ENDPOINT));
        endpoints.insert(endpoint.to_owned(), Arc::clone(&places));
        places
    }
}
