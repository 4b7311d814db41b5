//! How a customer is told. Knows ways out and the domain's notifications; knows no store, bus or HTTP server.

mod file;
mod log;

use crate::domain::{
    delivery::{Attempt, Notification},
    order::Order,
};
use std::{fmt, path::Path, sync::Arc};

/// One way to tell a customer.
#[async_trait::async_trait]
pub trait Channel: Send + Sync + fmt::Debug {
    /// As in `NOTIFY_CHANNELS` and in an order's `notify.channels`.
    fn name(&self) -> &'static str;

    /// Whom it would tell of this order: one delivery each. Nobody, when the order has no address for it.
    fn recipients(&self, order: &Order) -> Vec<String>;

    /// One attempt. The delivery id goes along as the idempotency token where the provider takes one.
    async fn deliver(&self, notification: &Notification<'_>) -> Attempt;
}

/// The configured channels, in the order of their configuration.
#[derive(Debug, Clone, Default)]
pub struct Channels(Vec<Arc<dyn Channel>>);

/// Every name that `NOTIFY_CHANNELS` may hold.
pub const KNOWN: [&str; 2] = ["log", "file"];

impl Channels {
    pub fn new(channels: Vec<Arc<dyn Channel>>) -> Self {
        Self(channels)
    }

    pub fn names(&self) -> Vec<&'static str> {
        self.0.iter().map(|channel| channel.name()).collect()
    }

    pub fn get(&self, name: &str) -> Option<&Arc<dyn Channel>> {
        self.0.iter().find(|channel| channel.name() == name)
    }
}

/// The channel of that name; `file` is where `file` writes. `None` for a name that is not in [`KNOWN`].
pub fn open(name: &str, file: &Path) -> Option<Arc<dyn Channel>> {
    match name {
        "log" => Some(Arc::new(log::Log)),
        "file" => Some(Arc::new(file::JsonLines::new(file))),
        _ => None,
    }
}
