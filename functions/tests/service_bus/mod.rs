//! The client of Service Bus against a broker that shares no code with it, over real sockets.

mod dead_letters;
mod dlq;
mod dlq_killed;
mod faults;
mod locks;
mod processes;
mod publishing;
mod receiving;
mod transports;

use orders::{
    bus::{
        Bus, BusError, Delivered, Settlement, Subscription,
        service_bus::{ConnectionString, Login, Message, Receiver, Sender, ServiceBusClient, Settings},
    },
    clock::{Clock, SystemClock},
    domain::{event::EventKind, id::EventId, trace::Trace},
};
use servicebus_emulator::{
    Emulator, Options,
    config::{Config, EntityProperties, SubscriptionConfig, TopicConfig},
};
use std::{sync::Arc, time::Duration};
use uuid::Uuid;

pub const TOPIC: &str = "orders";
pub const SUBSCRIPTION: &str = "orders/Subscriptions/notify";
/// How long a test waits for what must happen.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub struct Broker {
    pub emulator: Emulator,
}

impl Broker {
    pub async fn start() -> Self {
        Self::with(EntityProperties::default(), |options| options).await
    }

    /// With these properties of the topic's one subscription.
    pub async fn with(properties: EntityProperties, change: impl FnOnce(Options) -> Options) -> Self {
        let subscription = SubscriptionConfig { name: "notify".into(), properties, rules: vec![] };
        let topic = TopicConfig { name: TOPIC.into(), properties: EntityProperties::default(), subscriptions: vec![subscription] };
        let config = Config { topics: vec![topic], ..Config::default() };
        let options = Options { config, amqp: Some(([127, 0, 0, 1], 0).into()), admin: None, ..Options::default() };
        Self { emulator: servicebus_emulator::start(change(options)).await.unwrap() }
    }

    pub fn settings(&self) -> Settings {
        settings(&self.emulator.connection_string())
    }

    pub fn client(&self) -> ServiceBusClient {
        client(self.settings())
    }

    pub fn waiting(&self) -> u64 {
        self.emulator.counts(SUBSCRIPTION).unwrap().active
    }
}

pub fn settings(connection_string: &str) -> Settings {
    Settings::new(Login::ConnectionString(ConnectionString::parse(connection_string).unwrap()), TOPIC, "notify")
}

pub fn client(settings: Settings) -> ServiceBusClient {
    ServiceBusClient::new(settings, Arc::new(|| SystemClock.now())).unwrap()
}

pub fn message(number: u128) -> Message {
    sized(number, 0)
}

/// A message with a body of at least `bytes`.
pub fn sized(number: u128, bytes: usize) -> Message {
    Message {
        id: EventId(Uuid::from_u128(number)),
        kind: EventKind::Created,
        subject: format!("order-{number}"),
        trace: Some(Trace { trace_id: number + 1, span_id: 7, flags: 1 }),
        body: format!("{{\"number\":{number},\"padding\":\"{}\"}}", "x".repeat(bytes)).into_bytes(),
    }
}

pub fn id(number: u128) -> String {
    Uuid::from_u128(number).to_string()
}

/// Publishes until the broker has all of them, as the relay does; gives how many attempts failed.
pub async fn publish_all(sender: &Sender, mut messages: Vec<Message>) -> usize {
    let mut failed = 0;
    let publishing = async {
        while !messages.is_empty() {
            let outcomes = sender.publish(messages.clone()).await;
            let mut outcomes = outcomes.into_iter();
            messages.retain(|_| match outcomes.next().unwrap() {
                Ok(()) => false,
                Err(BusError::Transient(_)) => true,
                Err(error @ BusError::Permanent(_)) => panic!("{error}"),
            });
            failed += messages.len();
            if !messages.is_empty() {
                tokio::task::yield_now().await;
            }
        }
    };
    tokio::time::timeout(PATIENCE * 2, publishing).await.expect("published in time");
    failed
}

pub async fn receive(receiver: &Receiver) -> Delivered {
    tokio::time::timeout(PATIENCE, receiver.receive()).await.expect("a message comes in time").expect("the receiver is open")
}

pub async fn complete(receiver: &Receiver, delivered: Delivered) {
    receiver.settle(delivered, Settlement::Complete).await.unwrap();
}

/// Receives and completes so many messages; gives their ids in the order they came.
pub async fn take(receiver: &Receiver, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for _ in 0..count {
        let delivered = receive(receiver).await;
        ids.push(delivered.message.id.clone().unwrap());
        complete(receiver, delivered).await;
    }
    ids
}
