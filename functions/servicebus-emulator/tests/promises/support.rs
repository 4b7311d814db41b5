//! An emulator to test.

use crate::client::Client;
use servicebus_emulator::{
    Emulator, ManualClock, Options,
    config::{Config, EntityProperties, QueueConfig, SubscriptionConfig, TopicConfig},
    start,
};
use std::{net::Ipv4Addr, sync::Arc, time::Duration};

pub(crate) struct World {
    pub(crate) emulator: Emulator,
    pub(crate) clock: Arc<ManualClock>,
}

impl World {
    /// Topic `t` with subscriptions `a` and `b`, queue `q`, and what the test adds.
    pub(crate) async fn with(add: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config { queues: vec![queue("q", |_| {})], topics: vec![topic("t", &["a", "b"])], ..Config::default() };
        add(&mut config);
        Self::of(Options { config, admin: None, ..Options::default() }).await
    }

    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn of(options: Options) -> Self {
        let clock = Arc::new(ManualClock::default());
        let amqp = Some((Ipv4Addr::LOCALHOST, 0).into());
        let options = Options { amqp, clock: clock.clone(), ..options };
        Self { emulator: start(options).await.unwrap(), clock }
    }

    pub(crate) async fn connect(&self) -> Client {
        Client::connect(self.emulator.amqp_address().unwrap()).await
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }
}

pub(crate) fn queue(name: &str, change: impl FnOnce(&mut EntityProperties)) -> QueueConfig {
    let mut properties = properties();
    change(&mut properties);
    QueueConfig { name: name.into(), properties }
}

pub(crate) fn topic(name: &str, subscriptions: &[&str]) -> TopicConfig {
    let subscription = |name: &&str| SubscriptionConfig { name: (*name).into(), properties: properties(), rules: Vec::new() };
    TopicConfig { name: name.into(), properties: properties(), subscriptions: subscriptions.iter().map(subscription).collect() }
}

/// Locks of 60 seconds, 3 deliveries, an hour to live.
pub(crate) fn properties() -> EntityProperties {
    EntityProperties {
        lock_duration: Duration::from_mins(1),
        max_delivery_count: 3,
        default_message_time_to_live: Duration::from_hours(1),
        dead_lettering_on_message_expiration: false,
        requires_session: false,
        requires_duplicate_detection: false,
        duplicate_detection_history_time_window: Duration::from_secs(20),
        forward_to: None,
        forward_dead_lettered_messages_to: None,
    }
}
