//! What operators register: webhook endpoints, and addresses that must not be told.

use super::Result;
use crate::domain::{suppression::Suppression, timestamp::Timestamp, webhook::Endpoint};

#[async_trait::async_trait]
pub trait Registers {
    /// By name, those that are disabled among them.
    async fn webhook_endpoints(&self) -> Result<Vec<Endpoint>>;
    /// Registers the endpoint; one that has its name already is replaced by it, and enabled.
    async fn put_webhook_endpoint(&self, endpoint: Endpoint) -> Result<()>;
    /// `false` when there is none of that name.
    async fn remove_webhook_endpoint(&self, name: String) -> Result<bool>;
    /// It is told nothing from then on, until it is registered anew; one that is disabled already keeps its reason.
    async fn disable_webhook_endpoint(&self, name: String, reason: String, at: Timestamp) -> Result<()>;

    /// By channel and address; of one channel, or of all.
    async fn suppressions(&self, channel: Option<String>) -> Result<Vec<Suppression>>;
    /// What stands against this address, if anything does. The address is compared as
    /// [`folded`](crate::domain::suppression::folded).
    async fn suppression(&self, channel: &str, address: &str) -> Result<Option<Suppression>>;
    /// An address that is suppressed already keeps its first reason; `false` then.
    async fn add_suppression(&self, suppression: Suppression) -> Result<bool>;
    /// `false` when the address was not suppressed.
    async fn remove_suppression(&self, channel: String, address: String) -> Result<bool>;
}
