//! The Service Bus extension's side of a subscription: peek-lock, delivery counts, the dead-letter queue (contract §4.3).

use super::{
    FunctionsHost, Shared,
    envelope::{self, BusClient, Sys},
    functions::Trigger,
    message::{Delivery, Message},
    reply::{Fault, Reply},
    script_host::ScriptHost,
};
use std::{sync::Arc, time::Duration};
use tokio::sync::Semaphore;
use uuid::Uuid;

pub const MAX_DELIVERY_COUNT_EXCEEDED: &str = "MaxDeliveryCountExceeded";

/// What the entity is set to; the host has no say in it.
#[derive(Debug, Clone, Copy)]
pub struct Subscription {
    pub max_delivery_count: u32,
    pub lock_duration: Duration,
}

impl Default for Subscription {
    fn default() -> Self {
        Self { max_delivery_count: 10, lock_duration: Duration::from_mins(1) }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Attempt {
    pub delivery_count: u32,
    pub invocation: Uuid,
    pub result: Result<Reply, Fault>,
    /// It took longer than the host renews a lock: the message was delivered again meanwhile, and this result counts for
    /// nothing.
    pub lock_was_lost: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    Completed,
    DeadLettered {
        reason: &'static str,
    },
    /// The host stopped; the message is still there.
    Left,
}

#[derive(Debug, Clone, PartialEq)]
pub struct DeliveryOutcome {
    pub settled: Settled,
    pub attempts: Vec<Attempt>,
}

/// The extension of one script host: its client, and its places for calls.
#[derive(Debug)]
pub struct Listener {
    pub(super) places: Arc<Semaphore>,
    pub(super) identifier: Uuid,
}

impl Listener {
    pub fn new(max_concurrent_calls: usize) -> Self {
        Self { places: Arc::new(Semaphore::new(max_concurrent_calls)), identifier: super::guid() }
    }
}

impl FunctionsHost {
    /// Puts a message into the subscription of that function, and sees what becomes of it. Deliveries of several
    /// messages go on side by side, `maxConcurrentCalls` at a time, in no order that is promised.
    pub async fn deliver(&self, function: &str, message: Message) -> DeliveryOutcome {
        let sequence_number = self.shared.next_sequence_number();
        let message = Arc::new(message);
        let (mut attempts, mut twins) = (Vec::new(), Vec::new());
        let Subscription { max_delivery_count, lock_duration } = self.shared.options.subscription;
        let mut settled = Settled::DeadLettered { reason: MAX_DELIVERY_COUNT_EXCEEDED };
        for count in 1..=max_delivery_count {
            let script = self.script();
            let Ok(place) = Arc::clone(&self.listener.places).acquire_owned().await else { break };
            if script.is_stopped() {
                settled = Settled::Left;
                break;
            }
            // Renewed for so long, the last time for one duration more.
            let lock = script.json.max_auto_lock_renewal + lock_duration;
            let (name, shared, message, identifier) =
                (function.to_owned(), Arc::clone(&self.shared), Arc::clone(&message), self.listener.identifier);
            let mut call = tokio::spawn(async move {
                let attempt = attempt(&shared, &script, &name, &message, Delivery::new(count, sequence_number), identifier).await;
                drop(place);
                attempt
            });
            let Ok(attempt) = tokio::time::timeout(lock, &mut call).await else {
                twins.push(call);
                continue;
            };
            let attempt = attempt.expect("an attempt does not panic");
            let is_done = attempt.result.is_ok();
            attempts.push(attempt);
            if is_done {
                settled = Settled::Completed;
                break;
            }
        }
        for twin in twins {
            let twin = twin.await.expect("an attempt does not panic");
            attempts.push(Attempt { lock_was_lost: true, ..twin });
        }
        attempts.sort_by_key(|attempt| attempt.delivery_count);
        if settled == (Settled::DeadLettered { reason: MAX_DELIVERY_COUNT_EXCEEDED }) && self.script().is_stopped() {
            settled = Settled::Left;
        }
        DeliveryOutcome { settled, attempts }
    }

    /// Fires a timer once; past its schedule.
    pub async fn tick(&self, function: &str) -> Result<Reply, Fault> {
        let script = self.script();
        let known = script.function(function);
        assert!(matches!(known.trigger, Trigger::Timer), "{function} has no timer");
        script.post(function, envelope::timer(&known.binding, &Sys::of(function))).await.1
    }
}

pub(super) async fn attempt(
    shared: &Shared,
    script: &ScriptHost,
    function: &str,
    message: &Message,
    delivery: Delivery,
    identifier: Uuid,
) -> Attempt {
    let known = script.function(function);
    let Trigger::ServiceBus { data_type, namespace, .. } = &known.trigger else { panic!("{function} has no Service Bus trigger") };
    let data_type = shared.options.data_type.unwrap_or(*data_type);
    let client = BusClient { namespace: namespace.clone(), identifier };
    let envelope = envelope::service_bus(&known.binding, data_type, message, &delivery, &client, &Sys::of(function));
    let (invocation, result) = script.post(function, envelope).await;
    Attempt { delivery_count: delivery.count, invocation, result, lock_was_lost: false }
}
