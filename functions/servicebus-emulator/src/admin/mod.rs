//! Administration over HTTP: the ATOM API that Microsoft's administration clients and KEDA's scaler speak.
//!
//! Documented as "Service Bus REST API"; where that says little, the clients' sources decide. Whoever reaches the port may do
//! everything: signatures are not checked.

mod answer;
mod checks;
mod describe;
mod element;
mod read;
mod request;
mod rules;
mod serve;
mod xml;

pub use serve::serve;

use crate::config::{QueueConfig, RuleConfig, SubscriptionConfig, TopicConfig};

/// Messages by what they wait for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// To be received, locked ones too.
    pub active: u64,
    pub dead_letter: u64,
    pub scheduled: u64,
    pub transfer: u64,
    pub transfer_dead_letter: u64,
}

/// What an entity has and when that changed. Times in milliseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    pub counts: Counts,
    /// All messages, deferred and dead-lettered ones too.
    pub message_count: u64,
    pub size_bytes: u64,
    pub created_at: i64,
    pub updated_at: i64,
    /// When something was last sent or received.
    pub accessed_at: i64,
}

#[derive(Debug, Clone, PartialEq)]
pub struct QueueView {
    pub config: QueueConfig,
    pub usage: Usage,
}

/// Its configuration has its subscriptions.
#[derive(Debug, Clone, PartialEq)]
pub struct TopicView {
    pub config: TopicConfig,
    pub usage: Usage,
}

/// Its configuration has its rules.
#[derive(Debug, Clone, PartialEq)]
pub struct SubscriptionView {
    pub topic: String,
    pub config: SubscriptionConfig,
    pub usage: Usage,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("The messaging entity '{0}' could not be found.")]
    NotFound(String),
    #[error("The entity '{0}' exists already.")]
    Exists(String),
    /// A sentence.
    #[error("{0}")]
    Invalid(String),
}

/// The entities, found by their names in any case and shown by the names that they were made with.
///
/// Names, durations and forwarding are checked before they get here.
pub trait Namespace: Send + Sync + 'static {
    /// In the order of their names, as `topics` and `subscriptions` are.
    fn queues(&self) -> Vec<QueueView>;
    fn topics(&self) -> Vec<TopicView>;
    /// `None` if there is no such topic.
    fn subscriptions(&self, topic: &str) -> Option<Vec<SubscriptionView>>;

    fn queue(&self, name: &str) -> Option<QueueView>;
    fn topic(&self, name: &str) -> Option<TopicView>;
    fn subscription(&self, topic: &str, name: &str) -> Option<SubscriptionView>;

    /// # Errors
    /// `Exists` where a queue or a topic has the name.
    fn create_queue(&self, queue: QueueConfig) -> Result<(), Refusal>;
    /// # Errors
    /// As `create_queue`.
    fn create_topic(&self, topic: TopicConfig) -> Result<(), Refusal>;
    /// A subscription without rules gets the one that takes every message.
    ///
    /// # Errors
    /// `NotFound` for the topic, `Exists` for the subscription.
    fn create_subscription(&self, topic: &str, subscription: SubscriptionConfig) -> Result<(), Refusal>;

    /// Changes the properties; messages stay.
    ///
    /// # Errors
    /// `NotFound`
    fn update_queue(&self, queue: QueueConfig) -> Result<(), Refusal>;
    /// Changes the properties; subscriptions stay, whatever `topic` has.
    ///
    /// # Errors
    /// `NotFound`
    fn update_topic(&self, topic: TopicConfig) -> Result<(), Refusal>;
    /// Changes the properties; messages and rules stay, whatever `subscription` has.
    ///
    /// # Errors
    /// `NotFound`
    fn update_subscription(&self, topic: &str, subscription: SubscriptionConfig) -> Result<(), Refusal>;

    /// With all that it has. `path` is a queue, a topic or `topic/Subscriptions/name`. False if there is none.
    fn delete(&self, path: &str) -> bool;

    /// In the order in which they were made. `None` if there is no such subscription.
    fn rules(&self, topic: &str, subscription: &str) -> Option<Vec<RuleConfig>>;
    /// # Errors
    /// `NotFound` for the subscription, `Exists` for the rule.
    fn create_rule(&self, topic: &str, subscription: &str, rule: RuleConfig) -> Result<(), Refusal>;
    /// Puts the rule in the place of the one that has its name.
    ///
    /// # Errors
    /// `NotFound` for the subscription or the rule.
    fn update_rule(&self, topic: &str, subscription: &str, rule: RuleConfig) -> Result<(), Refusal>;
    /// False if there is no such rule.
    fn delete_rule(&self, topic: &str, subscription: &str, name: &str) -> bool;
}

#[cfg(test)]
mod tests;
