//! What the tables know of one order, in the order it happened.

use super::{
    super::Result,
    connect::{moment, moment_or_none, number_or_none, text, text_or_none},
    fault::{Fault, broken},
    pool::Pool,
};
use crate::domain::{
    event::EventKind,
    id::OrderId,
    order::Order,
    timeline::{Entry, Kind, Timeline},
    unreadable,
};
use tiberius::Row;

const READ: &str = "
    SELECT id FROM dbo.orders WHERE id = @P1;
    SELECT kind, occurred_at, published_at, received_at, data FROM dbo.outbox WHERE order_id = @P1 ORDER BY sequence;
    SELECT ended.at, ended.outcome, deliveries.channel, ended.attempt, ended.reason, ended.next_attempt_at
    FROM dbo.deliveries AS deliveries JOIN dbo.delivery_attempts AS ended ON ended.delivery_id = deliveries.id
    WHERE deliveries.order_id = @P1
    UNION ALL
    SELECT decided.at, decided.decision, deliveries.channel, NULL, decided.reason, NULL
    FROM dbo.deliveries AS deliveries JOIN dbo.delivery_decisions AS decided ON decided.delivery_id = deliveries.id
    WHERE deliveries.order_id = @P1";

pub(super) async fn read(pool: &Pool, id: OrderId) -> Result<Option<Timeline>> {
    let results = pool.read(READ, &[&id.0]).await?;
    let [order, outbox, ended] = results.as_slice() else { return Err(broken("a timeline has three results").into()) };
    if order.is_empty() {
        return Ok(None);
    }
    let mut entries = events(outbox)?;
    if !entries.iter().any(|entry| entry.kind == Kind::OrderCreated) {
        // The event is past its retention; the order itself still tells when it was made.
        entries.push(Entry::at(id.created_at(), Kind::OrderCreated));
    }
    entries.extend(attempts(ended)?);
    entries.sort_by_key(|entry| (entry.at, entry.kind));
    Ok(Some(Timeline { order_id: id, entries }))
}

fn events(rows: &[Row]) -> std::result::Result<Vec<Entry>, Fault> {
    let mut entries = Vec::new();
    for row in rows {
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

fn attempts(rows: &[Row]) -> std::result::Result<Vec<Entry>, Fault> {
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
