//! What entities there are: the defaults, and the reader of `Config.json` as Microsoft's emulator has it.

mod checks;
pub mod duration;
mod read;
mod rules;
mod walk;

pub use checks::{entity_name, limits};
pub use read::NAMESPACE;
pub use walk::ConfigError;

use crate::filter::{Action, Filter};
use std::time::Duration;

#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    pub namespace: String,
    pub queues: Vec<QueueConfig>,
    pub topics: Vec<TopicConfig>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct QueueConfig {
    pub name: String,
    pub properties: EntityProperties,
}

#[derive(Debug, Clone, PartialEq)]
pub struct TopicConfig {
    pub name: String,
    pub properties: EntityProperties,
    pub subscriptions: Vec<SubscriptionConfig>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct SubscriptionConfig {
    pub name: String,
    pub properties: EntityProperties,
    /// None is one that takes every message, under the name of [`RuleConfig::DEFAULT`].
    pub rules: Vec<RuleConfig>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct RuleConfig {
    pub name: String,
    pub filter: Filter,
    pub action: Option<Action>,
}

impl RuleConfig {
    pub const DEFAULT: &str = "$Default";

    /// The rule of a subscription that was made without one.
    pub fn default_rule() -> Self {
        Self { name: Self::DEFAULT.into(), filter: Filter::True, action: None }
    }
}

/// Topics have only the time to live and duplicate detection, subscriptions all but duplicate detection.
#[derive(Debug, Clone, PartialEq)]
pub struct EntityProperties {
    pub lock_duration: Duration,
    /// At least 1.
    pub max_delivery_count: u32,
    pub default_message_time_to_live: Duration,
    pub dead_lettering_on_message_expiration: bool,
    pub requires_session: bool,
    pub requires_duplicate_detection: bool,
    pub duplicate_detection_history_time_window: Duration,
    pub forward_to: Option<String>,
    pub forward_dead_lettered_messages_to: Option<String>,
}

impl Default for EntityProperties {
    /// As the emulator of Microsoft has them, but for the delivery count: 10, as Azure has it.
    fn default() -> Self {
        Self {
            lock_duration: Duration::from_mins(1),
            max_delivery_count: 10,
            default_message_time_to_live: Duration::from_hours(1),
            dead_lettering_on_message_expiration: false,
            requires_session: false,
            requires_duplicate_detection: false,
            duplicate_detection_history_time_window: Duration::from_secs(20),
            forward_to: None,
            forward_dead_lettered_messages_to: None,
        }
    }
}

impl Default for Config {
    /// The topic and the subscription that this project needs.
    fn default() -> Self {
        let notify = SubscriptionConfig { name: "notify".into(), properties: EntityProperties::default(), rules: Vec::new() };
        let orders = TopicConfig { name: "orders".into(), properties: EntityProperties::default(), subscriptions: vec![notify] };
        Self { namespace: NAMESPACE.into(), queues: Vec::new(), topics: vec![orders] }
    }
}

#[cfg(test)]
mod tests;
