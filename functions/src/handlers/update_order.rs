//! `PATCH /api/orders/{id}`

use super::{
    Answer, order_answer,
    request::{JsonText, NoParameters, PathId, preconditions::IfMatch},
};
use crate::{
    app::App,
    domain::{
        change::{Change, Changed, Refusal},
        event::Event,
        order::Stored,
        trace::Trace,
    },
    error::Problem,
    store::{StoreError, Update},
};
use axum::{
    Extension,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use std::sync::Arc;

pub async fn handle(
    State(app): State<Arc<App>>,
    Extension(trace): Extension<Trace>,
    PathId(id): PathId,
    _: NoParameters,
    headers: HeaderMap,
    body: JsonText,
) -> Answer {
    let change = Change::parse(&body.parse()?).map_err(Problem::validation)?;
    let stored = app.store.order(id).await?.ok_or_else(Problem::no_such_order)?;
    IfMatch::check(&headers, stored.version)?;
    let order = stored.order().map_err(|error| Problem::internal(error.to_string()))?;
    match order.change(&change, app.now()).map_err(refused)? {
        Some(changed) => write(&app, &stored, changed, trace).await,
        None => Ok(order_answer(StatusCode::OK, stored.version, &stored.document)),
    }
}

/// Writes the changed order and its event, unless the order has moved on.
pub(super) async fn write(app: &Arc<App>, from: &Stored, changed: Changed, trace: Trace) -> Answer {
    let event = Event::changed(&changed, app.event_id(), Some(trace));
    let document = event.as_ref().map_or_else(|| changed.order.document(), |event| Arc::clone(&event.data));
    let (id, version, status) = (changed.order.id, changed.order.version, changed.order.status);
    let has_event = event.is_some();
    let update = Update { from: from.version, order: changed.order, document: Arc::clone(&document), event };
    let here = Arc::clone(app);
    // The event of a change that the store has made is published, even when the client is gone by then.
    let changed = app.to_its_end(async move {
        let is_changed = here.store.update_order(update).await?;
        if is_changed {
            if has_event {
                here.relay_bell.notify_one();
            }
            tracing::info!(order = %id, version, %status, "order changed");
        }
        Ok::<_, StoreError>(is_changed)
    });
    if !changed.await? {
        return Err(IfMatch::lost());
    }
    Ok(order_answer(StatusCode::OK, version, &document))
}

pub(super) fn refused(refusal: Refusal) -> Problem {
    match refusal {
        Refusal::Transition { .. } => {
            Problem::new(StatusCode::CONFLICT, "transition", "The order cannot take this step", refusal.to_string())
        }
        Refusal::Limit(faults) => Problem::validation(faults),
    }
}
