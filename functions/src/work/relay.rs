//! From the outbox to the bus: woken by each commit, in batches, at least once.

use crate::{
    app::App,
    bus::{Bus, BusError, Message},
    domain::{circuit::Permit, event::Event, retry},
    store::{EventKey, Leased, Result},
    telemetry::{self, Operation},
};
use futures_util::{StreamExt, stream::FuturesUnordered};
use std::{sync::Arc, time::Duration};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

/// Events that one claim takes.
const BATCH: u32 = 128;
/// Batches that are under way at the same time: a broker far away is not waited for once for each.
const AT_ONCE: usize = 4;
/// How long the relay rests after the store failed it.
const REST: Duration = Duration::from_secs(1);
/// After this time an event is offered again that the bus will not take as it is: the topic may have been changed.
const REFUSED: Duration = Duration::from_hours(1);

/// Starts publishing in the background, where there is a bus.
pub fn start(app: &Arc<App>, stop: &CancellationToken) {
    if app.bus.is_none() {
        return;
    }
    let (here, token) = (Arc::clone(app), stop.clone());
    let span = telemetry::span("relay", None, None);
    app.background.spawn(async move { from_outbox(&here, &token).await }.instrument(span.clone()));
    if let Some(outgoing) = app.outgoing.open() {
        let (here, token) = (Arc::clone(app), stop.clone());
        app.background.spawn(async move { from_memory(&here, outgoing, &token).await }.instrument(span));
    }
}

/// Publishes orders just placed, whose events are leased since their commit, until the token is cancelled and nobody who
/// holds a place for an event is left.
async fn from_memory(app: &App, mut outgoing: mpsc::Receiver<Event>, stop: &CancellationToken) {
    let Some(bus) = app.bus.as_deref() else { return };
    let mut under_way = FuturesUnordered::new();
    let mut events = Vec::new();
    let mut open = true;
    while open || !under_way.is_empty() {
        tokio::select! {
            () = stop.cancelled(), if !outgoing.is_closed() => outgoing.close(),
            received = outgoing.recv_many(&mut events, BATCH as usize), if open && under_way.len() < AT_ONCE => {
                open = received > 0;
                under_way.push(publish(app, bus, still_leased(app, &mut events)));
            }
            Some(published) = under_way.next() => {
                if let Err(error) = published {
                    tracing::warn!(%error, "the relay cannot use the outbox; the events come again when their leases end");
                }
            }
        }
    }
}

/// An event whose lease ended while it waited may be another process's by then.
fn still_leased(app: &App, events: &mut Vec<Event>) -> Vec<Leased> {
    let now = app.now();
    let leased = events.drain(..).filter(|event| event.occurred_at.plus(app.settings.lease) > now);
    leased.map(|event| Leased { event, attempt: 1, is_taken_over: false }).collect()
}

/// Publishes what did not come through memory, whenever the bell rings, until the token is cancelled.
async fn from_outbox(app: &App, stop: &CancellationToken) {
    let Some(bus) = app.bus.as_deref() else { return };
    loop {
        let probe = async {
            match app.circuit.open_until() {
                Some(until) => tokio::time::sleep(until.since(app.now())).await,
                None => std::future::pending().await,
            }
        };
        // What another process left behind is the sweep's business; the bell rings for what was committed here.
        tokio::select! {
            () = stop.cancelled() => return,
            () = app.relay_bell.notified() => {}
            () = probe => {}
        }
        if let Err(error) = drain(app, bus, stop).await {
            tracing::warn!(%error, "the relay cannot use the outbox");
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(REST) => app.relay_bell.notify_one(),
            }
        }
    }
}

/// Publishes all that is due and says how many events that were. A batch that is begun is finished. While the bus is out
/// one event at a time tries whether it is back.
pub async fn drain(app: &App, bus: &dyn Bus, stop: &CancellationToken) -> Result<usize> {
    let mut under_way = FuturesUnordered::new();
    let (mut published, mut failed) = (0, None);
    let mut claiming = true;
    loop {
        while claiming && under_way.len() < AT_ONCE && failed.is_none() && !stop.is_cancelled() {
            let permit = app.circuit.permit(app.now());
            let limit = match permit {
                Permit::All => BATCH,
                Permit::Probe => 1,
                Permit::Nothing { .. } => break,
            };
            let claimed = app.store.claim_events(limit, app.now(), app.settings.lease).await;
            if permit == Permit::Probe && !claimed.as_ref().is_ok_and(|leased| !leased.is_empty()) {
                app.circuit.unused(app.now());
            }
            match claimed {
                Ok(leased) if leased.is_empty() => claiming = false,
                Ok(leased) => under_way.push(publish(app, bus, leased)),
                Err(error) => failed = Some(error),
            }
        }
        match under_way.next().await {
            // The next event of the same order may be due by this.
            Some(Ok(count)) => {
                published += count;
                claiming = true;
            }
            Some(Err(error)) => failed = Some(error),
            None => return failed.map_or(Ok(published), Err),
        }
    }
}

async fn publish(app: &App, bus: &dyn Bus, mut leased: Vec<Leased>) -> Result<usize> {
    let operations: Vec<Operation> = leased.iter().map(|leased| telemetry::publish(&leased.event)).collect();
    for (leased, operation) in leased.iter_mut().zip(&operations) {
        leased.event.trace = operation.trace().or(leased.event.trace);
    }
    let messages: Vec<Message> = leased.iter().filter_map(|leased| Message::of(&leased.event).ok()).collect();
    if messages.len() < leased.len() {
        // Not reached by events written here; their leases run out and the sweep meets them again.
        tracing::error!("an event in the outbox is not JSON");
        return Ok(0);
    }
    if leased.is_empty() {
        return Ok(0);
    }
    telemetry::batch(leased.len());
    telemetry::taken_over("event", leased.iter().filter(|leased| leased.is_taken_over).count());
    let outcomes = bus.publish(messages).await;
    for (operation, outcome) in operations.into_iter().zip(&outcomes) {
        operation.published(outcome.as_ref().map(drop).map_err(BusError::reason));
    }
    let away = outcomes.iter().filter(|outcome| matches!(outcome, Err(BusError::Transient(_)))).count();
    tell(app, away * 2 > leased.len());
    let mut done: Vec<EventKey> = Vec::with_capacity(leased.len());
    for (Leased { event, attempt, .. }, outcome) in leased.iter().zip(outcomes) {
        let key = (event.order_id, event.sequence);
        let (reason, next) = match outcome {
            Ok(()) => {
                tracing::debug!(order = %event.order_id, event = %event.id, "published");
                done.push(key);
                continue;
            }
            Err(BusError::Transient(reason)) => {
                tracing::debug!(order = %event.order_id, event = %event.id, attempt, reason, "not published, will be tried again");
                (reason, retry::PUBLISH.next(app.now(), *attempt, fastrand::f64()))
            }
            Err(BusError::Permanent(reason)) => {
                tracing::error!(order = %event.order_id, event = %event.id, attempt, reason, "the bus will not take this event as it is");
                (format!("refused: {reason}"), app.now().plus(REFUSED))
            }
        };
        app.store.postpone_event(key, reason, next).await?;
        app.sweep_bell.notify_one();
    }
    let published = done.len();
    if published > 0 {
        app.store.mark_published(done, app.now()).await?;
    }
    Ok(published)
}

/// Keeps the circuit, and tells of an outage once and of its end once.
fn tell(app: &App, is_away: bool) {
    if is_away {
        if app.circuit.failed(app.now(), fastrand::f64()) {
            tracing::warn!("the bus takes nothing; events wait in the outbox, and one of them tries now and then");
        }
    } else if app.circuit.succeeded() {
        tracing::info!("the bus takes events again");
    }
}
