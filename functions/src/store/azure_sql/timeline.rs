//! What the tables know of one order, in the order it happened.

use super::{
    super::{Result, ledger::State},
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
    SELECT ended.at, ended.outcome, deliveries.channel, deliveries.recipient, deliveries.endpoint, ended.attempt, ended.reason,
           ended.next_attempt_at
    FROM dbo.deliveries AS deliveries JOIN dbo.delivery_attempts AS ended ON ended.delivery_id = deliveries.id
    WHERE deliveries.order_id = @P1
    UNION ALL
    SELECT decided.at,
           CASE
               WHEN decided.decision <> N'given-up' THEN decided.decision
               WHEN deliveries.doubt IS NOT NULL THEN N'unknown'
               WHEN (SELECT TOP (1) latest.outcome
                     FROM dbo.delivery_attempts AS latest
                     WHERE latest.delivery_id = deliveries.id AND latest.at <= decided.at
                     ORDER BY latest.attempt DESC) = N'unknown' THEN N'unknown'
               ELSE N'failed'
           END,
           deliveries.channel, deliveries.recipient, deliveries.endpoint, NULL, decided.reason, NULL
    FROM dbo.deliveries AS deliveries JOIN dbo.delivery_decisions AS decided ON decided.delivery_id = deliveries.id
    WHERE deliveries.order_id = @P1;
    SELECT COALESCE(
               deliveries.paused_at,
               deliveries.begun_at,
               (SELECT MAX(step.at)
                FROM (SELECT ended.at FROM dbo.delivery_attempts AS ended WHERE ended.delivery_id = deliveries.id
                      UNION ALL
                      SELECT decided.at FROM dbo.delivery_decisions AS decided WHERE decided.delivery_id = deliveries.id) AS step),
               deliveries.created_at) AS since,
           ledger.state, deliveries.channel, deliveries.recipient, deliveries.endpoint, circuits.reason, deliveries.next_attempt_at
    FROM dbo.deliveries AS deliveries
    JOIN dbo.ledger AS ledger ON ledger.id = deliveries.id
    LEFT JOIN dbo.circuits AS circuits ON circuits.endpoint = deliveries.endpoint
    WHERE deliveries.order_id = @P1
      AND deliveries.state = N'pending'
      AND (ledger.state <> N'pending'
           OR NOT EXISTS (SELECT 1
                          FROM dbo.delivery_attempts AS told
                          WHERE told.delivery_id = deliveries.id AND told.next_attempt_at = deliveries.next_attempt_at))
    ORDER BY since, deliveries.seq";

pub(super) async fn read(pool: &Pool, id: OrderId) -> Result<Option<Timeline>> {
    let results = pool.read(READ, &[&id.0]).await?;
    let [order, outbox, ended, unended] = results.as_slice() else { return Err(broken("a timeline has four results").into()) };
    if order.is_empty() {
        return Ok(None);
    }
    let mut entries = events(outbox)?;
    if !entries.iter().any(|entry| entry.kind == Kind::OrderCreated) {
        // The event is past its retention; the order itself still tells when it was made.
        entries.push(Entry::at(id.created_at(), Kind::OrderCreated));
        entries.push(Entry::at(id.created_at(), Kind::HistoryTrimmed));
    }
    entries.extend(attempts(ended)?);
    entries.sort_by_key(|entry| (entry.at, entry.kind));
    entries.extend(open(unended)?);
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

/// What was given up while an attempt was in doubt is unknown, as the view `ledger` has it.
fn attempts(rows: &[Row]) -> std::result::Result<Vec<Entry>, Fault> {
    rows.iter()
        .map(|row| {
            let kind = match text(row, 1)? {
                "succeeded" => Kind::DeliverySucceeded,
                "retrying" => Kind::DeliveryRetrying,
                "failed" => Kind::DeliveryFailed,
                "unknown" => Kind::DeliveryUnknown,
                "abandoned" => Kind::DeliveryAbandoned,
                "reopened" => Kind::DeliveryReopened,
                _ => return Err(broken("an attempt or a decision of a kind that is not known")),
            };
            Ok(Entry {
                attempt: number_or_none(row, 5)?,
                reason: text_or_none(row, 6)?.map(str::to_owned),
                next_attempt_at: moment_or_none(row, 7)?,
                ..Entry::of_delivery(moment(row, 0)?, kind, text(row, 2)?, text(row, 3)?, text_or_none(row, 4)?)
            })
        })
        .collect()
}

/// What is not done, but where an attempt's own entry says when the next one is due.
fn open(rows: &[Row]) -> std::result::Result<Vec<Entry>, Fault> {
    rows.iter()
        .map(|row| {
            let kind = match State::parse(text(row, 1)?) {
                Some(State::Pending) => Kind::DeliveryWaiting,
                Some(State::Sending) => Kind::DeliverySending,
                Some(State::Paused) => Kind::DeliveryPaused,
                _ => return Err(broken("an open delivery in a state that is not known")),
            };
            Ok(Entry {
                reason: text_or_none(row, 5)?.filter(|_| kind == Kind::DeliveryPaused).map(str::to_owned),
                next_attempt_at: Some(moment(row, 6)?),
                ..Entry::of_delivery(moment(row, 0)?, kind, text(row, 2)?, text(row, 3)?, text_or_none(row, 4)?)
            })
        })
        .collect()
}
