//! `POST /api/orders`

use super::{
    Answer, order_answer,
    request::{JsonText, NoParameters},
};
use crate::{
    app::App,
    domain::{
        event::Event,
        id::OrderId,
        idempotency::{Fingerprint, IdempotencyKey, NewRecord, Record},
        new_order::NewOrder,
        order::{Document, Order},
        trace::Trace,
        unreadable,
    },
    error::Problem,
    store::{Added, Addition, StoreError},
};
use axum::{
    Extension,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
};
use std::sync::Arc;

pub async fn handle(
    State(app): State<Arc<App>>,
    Extension(trace): Extension<Trace>,
    _: NoParameters,
    headers: HeaderMap,
    body: JsonText,
) -> Answer {
    let key = key(&headers)?;
    let new = NewOrder::parse(&body.parse()?, &app.channels.names()).map_err(Problem::validation)?;
    let now = app.now();
    let fingerprint = key.as_ref().map(|_| Fingerprint::of(&new));
    let place = key.as_ref().map(|key| app.in_flight.enter(key));
    let record =
        key.zip(fingerprint).map(|(key, fingerprint)| NewRecord { key, fingerprint, expires_at: now.plus(app.settings.idempotency) });

    let order = Order::place(new, app.order_id());
    let event = Event::created(&order, app.event_id(), Some(trace));
    let (id, total, currency, document) = (order.id, order.total, order.currency.clone(), Arc::clone(&event.data));
    let outgoing = app.place_in_relay().map(|place| (place, event.clone()));
    let lease_until = outgoing.as_ref().map(|_| now.plus(app.settings.lease));

    let here = Arc::clone(&app);
    // What the store has taken is handed to the relay, even when the client is gone by then.
    let placed = app.to_its_end(async move {
        let added = here.store.add_order(Addition { order, event, lease_until, record }, now).await?;
        if added == Added::Stored {
            match outgoing {
                Some((place, event)) => drop(place.send(event)),
                None => here.relay_bell.notify_one(),
            }
            tracing::info!(order = %id, total, currency, "order placed");
        }
        Ok(added)
    });
    match placed.await {
        Ok(Added::Stored) => created(id, &document),
        Ok(Added::Replayed(earlier)) => replayed(&earlier, fingerprint),
        Err(StoreError::Deadline) if place.is_some_and(|place| !place.is_first) => Err(still_under_way()),
        Err(error) => Err(error.into()),
    }
}

fn key(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, Problem> {
    let mut values = headers.get_all("idempotency-key").iter();
    let refuse = |detail: String| Problem::new(StatusCode::BAD_REQUEST, "idempotency-key", "The Idempotency-Key cannot be used", detail);
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => {
            IdempotencyKey::parse(&String::from_utf8_lossy(value.as_bytes())).map(Some).map_err(|fault| refuse(fault.to_string()))
        }
        (Some(_), Some(_)) => Err(refuse("send Idempotency-Key once".to_owned())),
    }
}

/// The answer to an order just placed, the first time and each time it is replayed.
fn created(id: OrderId, document: &Document) -> Answer {
    let mut response = order_answer(StatusCode::CREATED, 1, document);
    let location = HeaderValue::try_from(format!("/api/orders/{id}")).map_err(|error| Problem::internal(error.to_string()))?;
    response.headers_mut().insert(header::LOCATION, location);
    Ok(response)
}

fn replayed(earlier: &Record, fingerprint: Option<Fingerprint>) -> Answer {
    if fingerprint != Some(earlier.fingerprint) {
        return Err(Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "idempotency-key-reused",
            "The Idempotency-Key belongs to another request",
            "this key came with another order before; use a fresh key for a different order",
        ));
    }
    let order: Order = unreadable::parse(&earlier.answer).map_err(|error| Problem::internal(error.to_string()))?;
    let mut response = created(order.id, &earlier.answer)?;
    response.headers_mut().insert("idempotency-replayed", HeaderValue::from_static("true"));
    Ok(response)
}

fn still_under_way() -> Problem {
    let detail = "a request with the same Idempotency-Key is under way; repeat this one to learn its outcome";
    let problem = Problem::new(StatusCode::CONFLICT, "idempotency-key-in-flight", "The first request is still under way", detail);
    Problem { retry_after: Some(2), ..problem }
}
