//! What the Service Bus trigger does under the Functions host: hands each message to Notify, and settles it.

use crate::{
    app::App,
    bus::{Delivered, SettleError, Settlement, Subscription},
    telemetry,
    work::notify::{self, Taken},
};
use std::{sync::Arc, time::Duration};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

/// How long messages that are being handled at the end may take; the rest is given back.
const GRACE: Duration = Duration::from_secs(15);

/// Receives until the token is cancelled, and ends when nothing is on loan any more.
pub(super) async fn run(app: &Arc<App>, subscription: &Arc<dyn Subscription>, places: usize, stop: &CancellationToken) {
    let free = Arc::new(Semaphore::new(places));
    loop {
        let received = tokio::select! {
            () = stop.cancelled() => break,
            received = next(&free, subscription.as_ref()) => received,
        };
        let Some((place, delivered)) = received else { break };
        let (app_here, subscription) = (Arc::clone(app), Arc::clone(subscription));
        let span = telemetry::span("Notify", delivered.message.trace, None);
        let work = async move {
            handle(&app_here, subscription.as_ref(), delivered).await;
            drop(place);
        };
        app.background.spawn(work.instrument(span));
    }
    subscription.close(GRACE).await;
}

async fn next(free: &Arc<Semaphore>, subscription: &dyn Subscription) -> Option<(tokio::sync::OwnedSemaphorePermit, Delivered)> {
    let place = Arc::clone(free).acquire_owned().await.ok()?;
    Some((place, subscription.receive().await?))
}

async fn handle(app: &Arc<App>, subscription: &dyn Subscription, delivered: Delivered) {
    let id = delivered.message.id.clone();
    let message_id = id.as_deref();
    let settlement = match notify::take(app, &delivered.message.body, message_id, delivered.delivery_count).await {
        Ok(Taken::Accepted) => Settlement::Complete,
        Ok(Taken::Rejected(reason)) => {
            Settlement::DeadLetter { reason, description: "kept, raw, in rejected_messages; no later attempt would understand it".into() }
        }
        Err(error) => {
            tracing::warn!(%error, message_id, "a message could not be taken in and will come again");
            Settlement::Abandon
        }
    };
    match subscription.settle(delivered, settlement).await {
        Ok(()) => {}
        Err(SettleError::LockLost) => {
            telemetry::lock_lost();
            tracing::info!(message_id, "a message's lock was lost; it comes again, which is harmless");
        }
        Err(error) => tracing::debug!(%error, message_id, "a message could not be settled and will come again"),
    }
}
