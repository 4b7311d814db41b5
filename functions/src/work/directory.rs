//! The registers as channels see them: read from the store.

use crate::{
    channels::{Directory, Now, Unreadable},
    domain::webhook::Endpoint,
    store::{Store, StoreError},
};
use std::{fmt, sync::Arc};

pub struct StoreDirectory {
    store: Arc<dyn Store>,
    now: Now,
}

impl StoreDirectory {
    pub fn new(store: Arc<dyn Store>, now: Now) -> Self {
        Self { store, now }
    }
}

impl fmt::Debug for StoreDirectory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StoreDirectory").field(&self.store).finish()
    }
}

#[async_trait::async_trait]
impl Directory for StoreDirectory {
    async fn suppressed(&self, channel: &str, address: &str) -> Result<Option<String>, Unreadable> {
        let found = self.store.suppression(channel, address).await.map_err(unreadable)?;
        Ok(found.map(|suppression| suppression.reason))
    }

    async fn webhook_endpoints(&self) -> Result<Vec<Endpoint>, Unreadable> {
        self.store.webhook_endpoints().await.map_err(unreadable)
    }

    async fn disable_webhook_endpoint(&self, endpoint: &Endpoint, reason: &str) -> Result<(), Unreadable> {
        let disabled = self.store.disable_webhook_endpoint(endpoint.name.clone(), endpoint.created_at, reason.to_owned(), (self.now)());
        disabled.await.map_err(unreadable)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn unreadable(error: StoreError) -> Unreadable {
    Unreadable(error.to_string())
}
