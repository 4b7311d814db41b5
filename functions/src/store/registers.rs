//! What operators register: webhook endpoints, and addresses that must not be told.

use super::Result;
use crate::domain::{suppression::Suppression, timestamp::Timestamp, webhook::Endpoint};

#[async_trait::async_trait]
pub trait Registers {
    /// By name, those that are disabled among them.
    async fn webhook_endpoints(&self) -> Result<Vec<Endpoint>>;
    /// Registers the endpoint; one that has its name already is replaced by it, and enabled. What is known of its being
    /// down is forgotten, and what waits for it is due.
    async fn put_webhook_endpoint(&self, endpoint: Endpoint) -> Result<()>;
    /// `false` when there is none of that name. What waits for it is due, to fail.
    async fn remove_webhook_endpoint(&self, name: String, at: Timestamp) -> Result<bool>;
    /// It is told nothing from then on, until it is registered anew; one that is disabled already keeps its reason. One
    /// that was registered anew since `registered` is left alone.
    async fn disable_webhook_endpoint(&self, name: String, registered: Timestamp, reason: String, at: Timestamp) -> Result<()>;
    /// It took what an operator sent it: what waits for it is due, and if it is thought to be down, the next attempt sees.
    async fn webhook_endpoint_answered(&self, name: String, at: Timestamp) -> Result<()>;

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
