//! One attempt to tell one recipient, and the record of how it ended.

use crate::{
    app::App,
    channels::Journal,
    domain::{
        attempt::{Attempt, Outcome, Policy, Rules},
        delivery::Delivery,
        retry,
        timestamp::Timestamp,
    },
    store::AttemptRecord,
    telemetry,
};
use std::{sync::Arc, time::Duration};
use tracing::Instrument;

/// How often a record is tried again while the store is away; after that the lease's end makes the attempt unknown.
const RECORD_TRIES: u32 = 5;

/// Those of a channel that is not there.
const NO_RULES: Rules = Rules { policy: Policy::AtLeastOnce, backoff: retry::DELIVER, can_ask: false };

/// Makes the attempt in the background, when one of the places for it is free.
pub fn start(app: &Arc<App>, delivery: Delivery, lease_until: Timestamp) {
    let here = Arc::clone(app);
    app.background.spawn(async move { attempt(&here, delivery, lease_until).await });
}

/// Makes the attempt when one of the places for it is free, if there is time left in the lease then, and records it.
pub async fn attempt(app: &App, delivery: Delivery, lease_until: Timestamp) {
    let span = telemetry::span("Notify", delivery.received.event.trace, None);
    attempt_within(app, delivery, lease_until).instrument(span).await;
}

async fn attempt_within(app: &App, delivery: Delivery, lease_until: Timestamp) {
    let Ok(_place) = app.attempts.acquire().await else { return };
    // Half of the lease is kept for the record.
    let time = lease_until.since(app.now()) / 2;
    if time.is_zero() {
        return;
    }
    let channel = app.channels.get(&delivery.channel);
    let ended = match (channel, delivery.notification()) {
        (Some(channel), Some(notification)) => match tokio::time::timeout(time, channel.deliver(&notification, &Unwritten)).await {
            Ok(ended) => ended,
            Err(_) => Attempt::Unknown { reason: "the channel did not answer in time".into(), provider_ref: None, retry_after: None },
        },
        (None, _) => Attempt::Permanent { reason: format!("the channel {} is not configured", delivery.channel) },
        (_, None) => Attempt::Permanent { reason: "the event is nothing to tell".into() },
    };
    let rules = channel.map_or(NO_RULES, |channel| app.rules(channel.as_ref()));
    let now = app.now();
    let outcome = delivery.settle(ended, rules, None, now, fastrand::f64()).outcome;
    tell(&delivery, &outcome);
    let retrying = matches!(outcome, Outcome::Retrying { .. } | Outcome::Unknown { next_attempt_at: Some(_), .. });
    record(app, AttemptRecord { delivery: delivery.id, attempt: delivery.attempt, at: now, outcome }).await;
    if retrying {
        app.sweep_bell.notify_one();
    }
}

fn tell(delivery: &Delivery, outcome: &Outcome) {
    let (order, channel, attempt) = (delivery.received.event.order_id, delivery.channel.as_str(), delivery.attempt);
    match outcome {
        Outcome::Succeeded { .. } => tracing::debug!(%order, channel, attempt, "told the customer"),
        Outcome::Retrying { reason, next_attempt_at } => {
            tracing::warn!(%order, channel, attempt, reason, next = %next_attempt_at, "could not tell the customer, will try again");
        }
        Outcome::Unknown { reason, next_attempt_at, .. } => {
            tracing::warn!(%order, channel, attempt, reason, retried = next_attempt_at.is_some(), "the customer may have been told");
        }
        Outcome::Failed { reason } => tracing::error!(%order, channel, attempt, reason, "could not tell the customer"),
    }
}

async fn record(app: &App, record: AttemptRecord) {
    for tries in 1..=RECORD_TRIES {
        match app.store.record_attempt(record.clone()).await {
            Ok(()) => return,
            Err(error) => tracing::warn!(%error, delivery = %record.delivery, tries, "an attempt could not be recorded"),
        }
        tokio::time::sleep(Duration::from_millis(100) * 2_u32.pow(tries)).await;
    }
}

struct Unwritten;

#[async_trait::async_trait]
impl Journal for Unwritten {
    async fn sent(&self, _provider_ref: &str) {}
}
