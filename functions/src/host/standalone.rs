//! No host there: plays its part, handing messages to Notify and ringing for the sweep.

use super::receiver;
use crate::{
    app::App,
    bus::Subscription,
    telemetry,
    work::{relay, sweep},
};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

/// Starts the relay and the sweep, and a receiver with so many places where there is a subscription.
pub fn start(app: &Arc<App>, subscription: Option<(Arc<dyn Subscription>, usize)>, stop: &CancellationToken) {
    relay::start(app, stop);
    let (here, token) = (Arc::clone(app), stop.clone());
    app.background.spawn(async move { sweep::run(&here, &token).await }.instrument(telemetry::span("Sweep", None, None)));
    if let Some((subscription, places)) = subscription {
        let subscription = Arc::clone(app.subscription.get_or_init(|| subscription));
        let (here, token) = (Arc::clone(app), stop.clone());
        app.background.spawn(async move { receiver::run(&here, &subscription, places, &token).await });
    }
}
