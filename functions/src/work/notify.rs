//! From a message to durable rows: after that the message is not needed any more.

use super::deliver;
use crate::{
    app::{App, HELD_AT_ONCE},
    domain::{
        delivery::{Delivery, NewDelivery},
        event::{Event, Received},
        retry::Backoff,
    },
    store::{Accepted, Receipt, RejectedMessage, Result, StoreError},
    telemetry,
};
use std::{sync::Arc, time::Duration};
use tokio::sync::OwnedSemaphorePermit;

/// While the store is away an invocation waits here: a failed one would come back at once and burn its deliveries.
const PATIENCE: Backoff = Backoff { first: Duration::from_millis(200), longest: Duration::from_secs(5) };

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// The event is marked received and its deliveries are written.
    Accepted,
    /// Nobody will ever understand it; it is kept, raw, for this reason.
    Rejected(String),
}

/// Takes one message in. An error means that the store stayed away: the message is needed again.
pub async fn take(app: &Arc<App>, body: &[u8], message_id: Option<&str>, delivery_count: u32) -> Result<Taken> {
    tracing::debug!(message_id, delivery_count, "takes a message in");
    let Err(reason) = again(app, body).await? else { return Ok(Taken::Accepted) };
    let message = RejectedMessage {
        message_id: message_id.map(str::to_owned),
        body: body.to_vec(),
        reason: reason.clone(),
        delivery_count,
        at: app.now(),
    };
    patiently(app, || app.store.reject(message.clone())).await?;
    telemetry::rejected();
    tracing::error!(message_id, reason, "rejected a message");
    Ok(Taken::Rejected(reason))
}

/// Takes one message in if it can be understood; gives the reason if it cannot, and leaves nothing behind then.
pub async fn again(app: &Arc<App>, body: &[u8]) -> Result<std::result::Result<(), String>> {
    let received = match Event::parse(body) {
        Ok(received) => received,
        Err(fault) => return Ok(Err(fault.to_string())),
    };
    Ok(match patiently(app, || accept(app, &received)).await? {
        Accepted::Deliveries(_) => Ok(()),
        Accepted::UnknownEvent => Err("the message tells of an event that was never written here".to_owned()),
    })
}

/// Writes the rows of an event and starts the attempts at those that are new. It waits until this process has places for
/// them: what waits for an attempt waits in the subscription, or in the table, and not here.
pub async fn accept(app: &Arc<App>, received: &Received) -> Result<Accepted> {
    let operation = telemetry::process(&received.event);
    let below = operation.trace().map(|trace| received.traced(trace));
    let received = below.as_ref().unwrap_or(received);
    let deliveries = app.deliveries_for(received).await.map_err(|error| StoreError::Unavailable(error.to_string()))?;
    let mut held = places(app, deliveries.len()).await;
    let now = app.now();
    let lease_until = now.plus(app.settings.lease);
    let event = (received.event.order_id, received.event.sequence);
    let accepted = app.store.receive(Receipt { event, deliveries: deliveries.clone(), at: now, lease_until }).await?;
    if let Accepted::Deliveries(inserted) = &accepted {
        for new in deliveries.into_iter().filter(|delivery| inserted.contains(&delivery.id)) {
            let NewDelivery { id, channel, recipient, endpoint } = new;
            let delivery = Delivery {
                id,
                channel,
                recipient,
                endpoint,
                attempt: 1,
                doubt: None,
                reopened_at: None,
                failures: 0,
                extended_by: Duration::ZERO,
                is_taken_over: false,
                received: received.clone(),
            };
            let place = held.as_mut().and_then(|held| held.split(1));
            drop(deliver::start(app, delivery, lease_until, place));
        }
    }
    Ok(accepted)
}

/// A place for each of so many deliveries, or all that there are.
async fn places(app: &App, deliveries: usize) -> Option<OwnedSemaphorePermit> {
    let count = u32::try_from(deliveries).unwrap_or(HELD_AT_ONCE).min(HELD_AT_ONCE);
    Arc::clone(&app.held).acquire_many_owned(count).await.ok()
}

async fn patiently<T, F: Future<Output = Result<T>>>(app: &App, attempt: impl Fn() -> F) -> Result<T> {
    let until = tokio::time::Instant::now() + app.settings.notify_patience;
    let mut tries = 0;
    loop {
        tries += 1;
        match attempt().await {
            Err(error @ (StoreError::Broken(_) | StoreError::Schema { .. })) => return Err(error),
            Err(error) => {
                let wait = PATIENCE.after(tries, fastrand::f64());
                if tokio::time::Instant::now() + wait > until {
                    return Err(error);
                }
                tracing::warn!(%error, tries, "a message waits for the store");
                tokio::time::sleep(wait).await;
            }
            done => return done,
        }
    }
}
