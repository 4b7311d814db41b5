//! What the tables know of one order, in the order it happened.

use super::{
    super::{Result, ledger::State},
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
        entries.push(Entry::at(created_at, Kind::HistoryTrimmed));
    }
    entries.extend(attempts(connection, id).await?);
    entries.sort_by_key(|entry| (entry.at, entry.kind));
    entries.extend(open(connection, id).await?);
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

/// What was given up while an attempt was in doubt is unknown, as the view `ledger` has it.
async fn attempts(connection: &mut SqliteConnection, id: OrderId) -> Result<Vec<Entry>> {
    let rows = sqlx::query(
        "SELECT ended.at, ended.outcome, deliveries.channel, deliveries.recipient, deliveries.endpoint, ended.attempt, ended.reason,
                ended.next_attempt_at
         FROM deliveries JOIN delivery_attempts AS ended ON ended.delivery_id = deliveries.id
         WHERE deliveries.order_id = ?1
         UNION ALL
         SELECT decided.at,
                CASE
                    WHEN decided.decision <> 'given-up' THEN decided.decision
                    WHEN deliveries.doubt IS NOT NULL THEN 'unknown'
                    WHEN (SELECT outcome
                          FROM delivery_attempts
                          WHERE delivery_id = deliveries.id AND at <= decided.at
                          ORDER BY attempt DESC
                          LIMIT 1) = 'unknown' THEN 'unknown'
                    ELSE 'failed'
                END,
                deliveries.channel, deliveries.recipient, deliveries.endpoint, NULL, decided.reason, NULL
         FROM deliveries JOIN delivery_decisions AS decided ON decided.delivery_id = deliveries.id
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
async fn open(connection: &mut SqliteConnection, id: OrderId) -> Result<Vec<Entry>> {
    let rows = sqlx::query(
        "SELECT coalesce(
                    deliveries.paused_at,
                    deliveries.begun_at,
                    (SELECT max(at) FROM (SELECT at FROM delivery_attempts WHERE delivery_id = deliveries.id
                                          UNION ALL
                                          SELECT at FROM delivery_decisions WHERE delivery_id = deliveries.id)),
                    deliveries.created_at),
                ledger.state, deliveries.channel, deliveries.recipient, deliveries.endpoint, circuits.reason, deliveries.next_attempt_at
         FROM deliveries JOIN ledger ON ledger.id = deliveries.id LEFT JOIN circuits ON circuits.endpoint = deliveries.endpoint
         WHERE deliveries.order_id = ?1
           AND deliveries.state = 'pending'
           AND (ledger.state <> 'pending'
                OR NOT EXISTS (SELECT 1
                               FROM delivery_attempts
                               WHERE delivery_id = deliveries.id AND next_attempt_at = deliveries.next_attempt_at))
         ORDER BY 1, deliveries.id",
    )
    .bind(id.0.as_bytes().as_slice())
    .fetch_all(connection)
    .await
    .map_err(|error| fault(&error))?;
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
