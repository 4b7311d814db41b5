//! No host there: plays its part, handing messages to Notify and ringing for the sweep.

use crate::{
    app::App,
    bus::{Delivered, Settlement, Subscription},
    telemetry,
    work::{
        notify::{self, Taken},
        relay, sweep,
    },
};
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

/// Messages that are handled at the same time.
const AT_ONCE: usize = 64;

/// Starts the relay and the sweep, and a receiver where there is a subscription.
pub fn start(app: &Arc<App>, subscription: Option<Arc<dyn Subscription>>, stop: &CancellationToken) {
    let (here, token) = (Arc::clone(app), stop.clone());
    app.background.spawn(async move { relay::run(&here, &token).await }.instrument(telemetry::span("relay", None, None)));
    let (here, token) = (Arc::clone(app), stop.clone());
    app.background.spawn(async move { sweep::run(&here, &token).await }.instrument(telemetry::span("Sweep", None, None)));
    if let Some(subscription) = subscription {
        let (here, token) = (Arc::clone(app), stop.clone());
        app.background.spawn(async move { receive(&here, &subscription, &token).await });
    }
}

async fn receive(app: &Arc<App>, subscription: &Arc<dyn Subscription>, stop: &CancellationToken) {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let delivered = tokio::select! {
            () = stop.cancelled() => return,
            delivered = subscription.receive() => delivered,
        };
        let (app_here, subscription) = (Arc::clone(app), Arc::clone(subscription));
        let span = telemetry::span("Notify", delivered.message.trace, None);
        let work = async move {
            handle(&app_here, subscription.as_ref(), delivered).await;
            drop(place);
        };
        app.background.spawn(work.instrument(span));
    }
}

async fn handle(app: &Arc<App>, subscription: &dyn Subscription, delivered: Delivered) {
    let id = delivered.message.id.to_string();
    let settlement = match notify::take(app, &delivered.message.body, Some(&id), delivered.delivery_count).await {
        Ok(Taken::Accepted) => Settlement::Complete,
        Ok(Taken::Rejected(reason)) => Settlement::DeadLetter(reason),
        Err(error) => {
            tracing::warn!(%error, event = id, "a message could not be taken in and will come again");
            Settlement::Abandon
        }
    };
    if let Err(error) = subscription.settle(delivered, settlement).await {
        tracing::warn!(%error, event = id, "a message could not be settled and will come again");
    }
}
