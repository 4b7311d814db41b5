//! The endpoints, kept for a while: each event asks for them.

use super::super::{Directory, Unreadable};
use crate::domain::webhook::Endpoint;
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

pub(super) struct Register {
    directory: Arc<dyn Directory>,
    keep: Duration,
    known: Mutex<Option<(Instant, Arc<[Endpoint]>)>>,
}

impl Register {
    pub(super) fn new(directory: Arc<dyn Directory>, keep: Duration) -> Self {
        Self { directory, keep, known: Mutex::default() }
    }

    pub(super) async fn endpoints(&self) -> Result<Arc<[Endpoint]>, Unreadable> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((since, endpoints)) = known
            && since.elapsed() < self.keep
        {
            return Ok(endpoints);
        }
        let endpoints: Arc<[Endpoint]> = self.directory.webhook_endpoints().await?.into();
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), Arc::clone(&endpoints)));
        Ok(endpoints)
    }

    pub(super) async fn disable(&self, endpoint: &Endpoint, reason: &str) -> Result<(), Unreadable> {
        self.directory.disable_webhook_endpoint(endpoint, reason).await?;
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = None;
        Ok(())
    }
}
