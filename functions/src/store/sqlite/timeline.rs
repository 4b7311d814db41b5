//! What the tables know of one order, in the order it happened.

use super::{
    super::Result,
    connect::{broken, fault, moment, moment_or_none, number_or_none, text, text_or_none},
    orders,
};
use crate::domain::{
    event::EventKind,
    id::OrderId,
    order::Order,
    timeline::{Entry, Kind, Timeline},
    unreadable,
};
use sqlx::SqliteConnection;

pub(super) async fn read(connection: &mut SqliteConnection, id: OrderId) -> Result<Option<Timeline>> {
    let Some(created_at) = orders::exists(connection, id).await? else { return Ok(None) };
    let mut entries = events(connection, id).await?;
    if !entries.iter().any(|entry| entry.kind == Kind::OrderCreated) {
        // The event is past its retention; the order itself still tells when it was made.
        entries.push(Entry::at(created_at, Kind::OrderCreated));
    }
    entries.extend(attempts(connection, id).await?);
    entries.sort_by_key(|entry| (entry.at, entry.kind));
    Ok(Some(Timeline { order_id: id, entries }))
}

async fn events(connection: &mut SqliteConnection, id: OrderId) -> Result<Vec<Entry>> {
    let rows = sqlx::query("SELECT kind, occurred_at, published_at, received_at, data FROM outbox WHERE order_id = ? ORDER BY sequence")
        .bind(id.0.as_bytes().as_slice())
        .fetch_all(connection)
        .await
        .map_err(|error| fault(&error))?;
    let mut entries = Vec::new();
    for row in &rows {
        let kind = EventKind::parse(text(row, 0)?).ok_or_else(|| broken("an event of a kind that is not known"))?;
        let order: Order = unreadable::parse(text(row, 4)?).map_err(broken)?;
        let (kind, reason) = match kind {
            EventKind::Created => (Kind::OrderCreated, None),
            EventKind::StatusChanged => (Kind::OrderStatusChanged, Some(order.status.to_string())),
            EventKind::Cancelled => (Kind::OrderCancelled, order.cancellation.map(|cancellation| cancellation.reason.as_str().to_owned())),
        };
        entries.push(Entry { reason, ..Entry::at(moment(row, 1)?, kind) });
        entries.extend(moment_or_none(row, 2)?.map(|at| Entry::at(at, Kind::EventPublished)));
        entries.extend(moment_or_none(row, 3)?.map(|at| Entry::at(at, Kind::EventReceived)));
    }
    Ok(entries)
}

async fn attempts(connection: &mut SqliteConnection, id: OrderId) -> Result<Vec<Entry>> {
    let rows = sqlx::query(
        "SELECT delivery_attempts.at, delivery_attempts.outcome, deliveries.channel, delivery_attempts.attempt,
                delivery_attempts.reason, delivery_attempts.next_attempt_at
         FROM deliveries JOIN delivery_attempts ON delivery_attempts.delivery_id = deliveries.id
         WHERE deliveries.order_id = ?1
         UNION ALL
         SELECT delivery_decisions.at, delivery_decisions.decision, deliveries.channel, NULL, delivery_decisions.reason, NULL
         FROM deliveries JOIN delivery_decisions ON delivery_decisions.delivery_id = deliveries.id
         WHERE deliveries.order_id = ?1",
    )
    .bind(id.0.as_bytes().as_slice())
    .fetch_all(connection)
    .await
    .map_err(|error| fault(&error))?;
    rows.iter()
        .map(|row| {
            let kind = match text(row, 1)? {
                "succeeded" => Kind::DeliverySucceeded,
                "retrying" => Kind::DeliveryRetrying,
                "failed" | "given-up" => Kind::DeliveryFailed,
                "unknown" => Kind::DeliveryUnknown,
                "abandoned" => Kind::DeliveryAbandoned,
                "reopened" => Kind::DeliveryReopened,
                _ => return Err(broken("an attempt or a decision of a kind that is not known")),
            };
            Ok(Entry {
                at: moment(row, 0)?,
                kind,
                channel: Some(text(row, 2)?.to_owned()),
                attempt: number_or_none(row, 3)?,
                reason: text_or_none(row, 4)?.map(str::to_owned),
                next_attempt_at: moment_or_none(row, 5)?,
            })
        })
        .collect()
}
