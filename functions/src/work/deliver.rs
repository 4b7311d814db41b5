//! One attempt to tell one recipient, and the record of how it ended.

use super::ledgered;
use crate::{
    app::{App, Turn},
    channels::{Channel, HandOver, Journal},
    domain::{
        attempt::{Attempt, Outcome},
        delivery::Delivery,
        timestamp::Timestamp,
    },
    store::{AttemptRecord, Lease, Result},
    telemetry::{self, Attempted},
};
use std::{sync::Arc, time::Duration};
use tokio::{sync::OwnedSemaphorePermit, task::JoinHandle};
use tracing::Instrument;

/// How often a record is tried again while the store is away; after that the lease's end makes the attempt unknown.
const RECORD_TRIES: u32 = 5;

/// Makes the attempt in the background, when one of the places for it is free. What is `held` goes when it has ended.
pub fn start(app: &Arc<App>, delivery: Delivery, lease_until: Timestamp, held: Option<OwnedSemaphorePermit>) -> JoinHandle<()> {
    let here = Arc::clone(app);
    app.waiting.enter(lease(&delivery, lease_until));
    app.background.spawn(async move {
        attempt(&here, delivery, lease_until).await;
        drop(held);
    })
}

fn lease(delivery: &Delivery, until: Timestamp) -> Lease {
    Lease { delivery: delivery.id, attempt: delivery.attempt, until }
}

/// Makes the attempt when one of the places for it is free, and records it; gives the delivery back if too little of the
/// lease is left then.
async fn attempt(app: &App, delivery: Delivery, lease_until: Timestamp) {
    let span = telemetry::span("Notify", delivery.received.event.trace, None);
    attempt_within(app, delivery, lease_until).instrument(span).await;
}

async fn attempt_within(app: &App, mut delivery: Delivery, lease_until: Timestamp) {
    let place = place(app, &delivery, lease_until).await;
    let lease = lease(&delivery, lease_until);
    if !app.waiting.leave(lease) {
        return;
    }
    let Some(_place) = place.filter(|_| !time_to_begin(app, lease_until).is_zero()) else {
        return give_back(app, vec![lease]).await;
    };
    let attempted = telemetry::attempt(&delivery);
    delivery.received.event.trace = attempted.trace().or(delivery.received.event.trace);
    let delivery = &delivery;
    let Some(channel) = app.channels.get(&delivery.channel) else {
        let reason = format!("the channel {} is not configured", delivery.channel);
        return record(app, delivery, attempted, Outcome::Failed { reason }).await;
    };
    match &delivery.endpoint {
        Some(endpoint) => ledgered::attempt(app, channel.as_ref(), delivery, endpoint, attempted, lease_until).await,
        None => plain(app, channel.as_ref(), delivery, attempted, lease_until).await,
    }
}

/// Nothing is written before: the lease says that somebody may be at it.
async fn plain(app: &App, channel: &dyn Channel, delivery: &Delivery, attempted: Attempted, lease_until: Timestamp) {
    let ended = deliver(app, channel, delivery, &NoJournal::default(), lease_until).await;
    let settlement = delivery.settle(ended, app.rules(channel), None, app.now(), fastrand::f64());
    record(app, delivery, attempted, settlement.outcome).await;
}

/// `None`: there was none in time.
async fn place(app: &App, delivery: &Delivery, lease_until: Timestamp) -> Option<Turn> {
    let waited = tokio::time::timeout(time_to_begin(app, lease_until), app.attempts.take(delivery.endpoint.as_deref()));
    waited.await.ok().flatten()
}

/// A quarter of the lease is left to an attempt at least.
fn time_to_begin(app: &App, lease_until: Timestamp) -> Duration {
    lease_until.since(app.now()).saturating_sub(app.settings.lease / 4)
}

/// Attempts that were not begun are due again at once, and count for nothing. Should that not be written, they are due
/// when their leases end, and shown as unknown.
pub(super) async fn give_back(app: &App, leases: Vec<Lease>) {
    if leases.is_empty() {
        return;
    }
    let count = leases.len();
    match app.store.give_back(leases, app.now()).await {
        Ok(()) => tracing::debug!(count, "gave deliveries back: there was no time for them"),
        Err(error) => tracing::warn!(%error, count, "deliveries could not be given back, and are due when their leases end"),
    }
    app.sweep_bell.notify_one();
}

/// Half of the lease is kept for the record.
pub(super) fn time_left(app: &App, lease_until: Timestamp) -> Duration {
    lease_until.since(app.now()) / 2
}

pub(super) async fn deliver(
    app: &App,
    channel: &dyn Channel,
    delivery: &Delivery,
    journal: &dyn Journal,
    lease_until: Timestamp,
) -> Attempt {
    let Some(notification) = delivery.notification() else {
        return Attempt::Unsendable { reason: "the event is nothing to tell".into() };
    };
    let ended = tokio::time::timeout(time_left(app, lease_until), channel.deliver(&notification, journal)).await;
    ended.unwrap_or_else(|_| {
        if journal.hand_over().has_begun() {
            Attempt::Unknown { reason: "the channel did not answer in time".into(), provider_ref: None, retry_after: None }
        } else {
            Attempt::NotMade { reason: "it could not be handed over in time".into() }
        }
    })
}

async fn record(app: &App, delivery: &Delivery, mut attempted: Attempted, outcome: Outcome) {
    tell(delivery, &outcome);
    attempted.ended(delivery, &outcome);
    let again = is_due_again(&outcome);
    let record = AttemptRecord { delivery: delivery.id, attempt: delivery.attempt, at: app.now(), outcome };
    persist(delivery, || app.store.record_attempt(record.clone())).await;
    if again {
        app.sweep_bell.notify_one();
    }
}

pub(super) fn is_due_again(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Retrying { .. } | Outcome::Unknown { next_attempt_at: Some(_), .. })
}

pub(super) fn tell(delivery: &Delivery, outcome: &Outcome) {
    let (order, channel, attempt) = (delivery.received.event.order_id, delivery.channel.as_str(), delivery.attempt);
    match outcome {
        Outcome::Succeeded { .. } => tracing::debug!(%order, channel, attempt, "told the customer"),
        Outcome::Retrying { reason, next_attempt_at } => {
            tracing::warn!(%order, channel, attempt, reason, next = %next_attempt_at, "could not tell the customer, will try again");
        }
        Outcome::Unknown { reason, next_attempt_at: Some(next), .. } => {
            tracing::warn!(%order, channel, attempt, reason, %next, "the customer may have been told, will try again");
        }
        Outcome::Unknown { reason, .. } => tracing::error!(%order, channel, attempt, reason, "the customer may have been told"),
        Outcome::Failed { reason } => tracing::error!(%order, channel, attempt, reason, "could not tell the customer"),
    }
}

/// Tries a write about the delivery again while the store is away.
pub(super) async fn persist<F: Future<Output = Result<()>>>(delivery: &Delivery, write: impl Fn() -> F) {
    for tries in 1..=RECORD_TRIES {
        match write().await {
            Ok(()) => return,
            Err(error) => tracing::warn!(%error, delivery = %delivery.id, tries, "an attempt could not be recorded"),
        }
        tokio::time::sleep(Duration::from_millis(100) * 2_u32.pow(tries)).await;
    }
}

/// For channels that name no endpoint: they have no provider that calls an attempt anything.
#[derive(Default)]
struct NoJournal(HandOver);

#[async_trait::async_trait]
impl Journal for NoJournal {
    fn hand_over(&self) -> &HandOver {
        &self.0
    }

    async fn sent(&self, _provider_ref: &str) {}
}
