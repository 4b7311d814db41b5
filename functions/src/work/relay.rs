//! From the outbox to the bus: woken by each commit, in batches, at least once.

use crate::{
    app::App,
    bus::{Bus, BusError, Message},
    domain::{event::Event, retry},
    store::{EventKey, Leased, Result},
};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Events that one claim takes.
const BATCH: u32 = 128;
/// How long the relay rests after the store failed it.
const REST: Duration = Duration::from_secs(1);

/// Publishes until the token is cancelled. An order just placed comes from memory, leased since its commit; what is left
/// then, or does not come that way, is claimed.
pub async fn run(app: &App, stop: &CancellationToken) {
    let Some(bus) = app.bus.as_deref() else { return };
    let Some(mut outgoing) = app.outgoing.open() else { return };
    let mut events = Vec::new();
    loop {
        // What another process left behind is the sweep's business; the bell rings for what was committed here.
        let published = tokio::select! {
            () = stop.cancelled() => break,
            _ = outgoing.recv_many(&mut events, BATCH as usize) => publish(app, bus, &still_leased(app, &mut events)).await.map(drop),
            () = app.relay_bell.notified() => drain(app, bus, stop).await.map(drop),
        };
        if let Err(error) = published {
            tracing::warn!(%error, "the relay cannot use the outbox");
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(REST) => app.relay_bell.notify_one(),
            }
        }
    }
    // Requests under way may still send theirs; whoever comes later finds no place and leaves its event to be claimed.
    outgoing.close();
    while outgoing.recv_many(&mut events, BATCH as usize).await > 0 {
        if let Err(error) = publish(app, bus, &still_leased(app, &mut events)).await {
            tracing::warn!(%error, "an event is left for another process, when its lease ends");
        }
    }
}

/// An event whose lease ended while it waited may be another process's by then.
fn still_leased(app: &App, events: &mut Vec<Event>) -> Vec<Leased> {
    let now = app.now();
    let leased = events.drain(..).filter(|event| event.occurred_at.plus(app.settings.lease) > now);
    leased.map(|event| Leased { event, attempt: 1 }).collect()
}

/// Publishes all that is due and says how many events that were. A batch that is begun is finished.
pub async fn drain(app: &App, bus: &dyn Bus, stop: &CancellationToken) -> Result<usize> {
    let mut published = 0;
    while !stop.is_cancelled() {
        let leased = app.store.claim_events(BATCH, app.now(), app.settings.lease).await?;
        if leased.is_empty() {
            break;
        }
        published += publish(app, bus, &leased).await?;
    }
    Ok(published)
}

async fn publish(app: &App, bus: &dyn Bus, leased: &[Leased]) -> Result<usize> {
    let messages: Vec<Message> = leased.iter().filter_map(|leased| Message::of(&leased.event).ok()).collect();
    if messages.len() < leased.len() {
        // Not reached by events written here; their leases run out and the sweep meets them again.
        tracing::error!("an event in the outbox is not JSON");
        return Ok(0);
    }
    let outcomes = bus.publish(messages).await;
    let mut done: Vec<EventKey> = Vec::with_capacity(leased.len());
    for (Leased { event, attempt }, outcome) in leased.iter().zip(outcomes) {
        let key = (event.order_id, event.sequence);
        match outcome {
            Ok(()) => {
                tracing::debug!(order = %event.order_id, event = %event.id, "published");
                done.push(key);
            }
            Err(BusError(reason)) => {
                let next = retry::PUBLISH.next(app.now(), *attempt, fastrand::f64());
                tracing::warn!(order = %event.order_id, event = %event.id, attempt, reason, "not published, will be tried again");
                app.store.postpone_event(key, reason, next).await?;
                app.sweep_bell.notify_one();
            }
        }
    }
    let published = done.len();
    if published > 0 {
        app.store.mark_published(done, app.now()).await?;
    }
    Ok(published)
}
