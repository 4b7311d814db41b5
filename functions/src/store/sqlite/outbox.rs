//! Events on their way out, and whether somebody received them.

use super::{
    super::{EventKey, Leased, Receipt, Result},
    bulk::{self, Around},
    connect::{broken, fault, moment, number, text, text_or_none, uuid},
    orders,
};
use crate::domain::{
    event::{Event, EventKind, Received},
    id::{EventId, OrderId},
    timestamp::Timestamp,
    trace::Trace,
};
use sqlx::{
    Arguments, SqliteConnection,
    error::BoxDynError,
    sqlite::{SqliteArguments, SqliteRow},
};
use std::time::Duration;

pub(super) const INSERT: Around = (
    "INSERT INTO outbox (order_id, sequence, id, kind, occurred_at, traceparent, data, attempts, next_attempt_at, lease_until) VALUES",
    "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    "",
);

/// A list of more than one row is read through a sub-select: SQLite would not search the key for a bare `IN (VALUES …)`.
pub(super) const MARK_RECEIVED: Around = (
    "UPDATE outbox
     SET received_at = ?
     WHERE received_at IS NULL AND (order_id, sequence) IN (SELECT column1, column2 FROM (VALUES",
    "(?, ?)",
    "))",
);

pub(super) const MARK_PUBLISHED: Around = (
    "UPDATE outbox
     SET published_at = ?, lease_until = NULL, last_error = NULL
     WHERE published_at IS NULL AND (order_id, sequence) IN (SELECT column1, column2 FROM (VALUES",
    "(?, ?)",
    "))",
);

pub(super) fn bind(arguments: &mut SqliteArguments, event: &Event, lease_until: Option<Timestamp>) -> std::result::Result<(), BoxDynError> {
    arguments.add(event.order_id.0.as_bytes().as_slice())?;
    arguments.add(event.sequence)?;
    arguments.add(event.id.0.as_bytes().as_slice())?;
    arguments.add(event.kind.as_str())?;
    arguments.add(event.occurred_at.millis())?;
    arguments.add(event.trace.map(|trace| trace.to_string()))?;
    arguments.add(event.data.clone())?;
    arguments.add(i64::from(lease_until.is_some()))?;
    arguments.add(lease_until.unwrap_or(event.occurred_at).millis())?;
    arguments.add(lease_until.map(Timestamp::millis))
}

pub(super) fn bind_received(arguments: &mut SqliteArguments, receipts: &[&Receipt]) -> std::result::Result<(), BoxDynError> {
    arguments.add(receipts.iter().map(|receipt| receipt.at.millis()).max())?;
    for receipt in receipts {
        arguments.add(receipt.event.0.0.as_bytes().as_slice())?;
        arguments.add(receipt.event.1)?;
    }
    Ok(())
}

pub(super) async fn add(connection: &mut SqliteConnection, event: &Event, lease_until: Option<Timestamp>) -> Result<()> {
    let mut arguments = SqliteArguments::default();
    bind(&mut arguments, event, lease_until).map_err(broken)?;
    orders::insert(connection, INSERT, arguments).await
}

/// What an event's row says from the moment it is claimed again after a lease of which nothing was heard.
const LEASE_ENDED: &str = "its lease ended before it was published";

pub(super) async fn claim(connection: &mut SqliteConnection, limit: u32, now: Timestamp, lease: Duration) -> Result<Vec<Leased>> {
    let rows = sqlx::query(
        "UPDATE outbox
         SET attempts = attempts + 1, lease_until = ?1, next_attempt_at = ?1,
             last_error = CASE WHEN lease_until IS NULL THEN last_error ELSE ?4 END
         WHERE (order_id, sequence) IN (
             SELECT order_id, sequence
             FROM outbox AS due
             WHERE published_at IS NULL
               AND next_attempt_at <= ?2
               AND NOT EXISTS (
                   SELECT 1
                   FROM outbox AS earlier
                   WHERE earlier.order_id = due.order_id
                     AND earlier.sequence < due.sequence
                     AND earlier.published_at IS NULL)
             ORDER BY next_attempt_at
             LIMIT ?3)
         RETURNING order_id, sequence, id, kind, occurred_at, traceparent, data, attempts, last_error IS ?4",
    )
    .bind(now.plus(lease).millis())
    .bind(now.millis())
    .bind(limit)
    .bind(LEASE_ENDED)
    .fetch_all(connection)
    .await
    .map_err(|error| fault(&error))?;
    rows.iter().map(|row| Ok(Leased { event: event(row)?, attempt: number(row, 7)?, is_taken_over: number(row, 8)? == 1 })).collect()
}

/// A row of `order_id, sequence, id, kind, occurred_at, traceparent, data`.
pub(super) fn event(row: &SqliteRow) -> Result<Event> {
    Ok(Event {
        order_id: OrderId(uuid(row, 0)?),
        sequence: number(row, 1)?,
        id: EventId(uuid(row, 2)?),
        kind: EventKind::parse(text(row, 3)?).ok_or_else(|| broken("an event of a kind that is not known"))?,
        occurred_at: moment(row, 4)?,
        trace: text_or_none(row, 5)?.and_then(|text| Trace::parse(text).ok()),
        data: text(row, 6)?.into(),
    })
}

pub(super) async fn mark_published(connection: &mut SqliteConnection, events: &[EventKey], at: Timestamp) -> Result<()> {
    for chunk in events.chunks(bulk::ROWS) {
        let mut arguments = SqliteArguments::default();
        bind_published(&mut arguments, chunk, at).map_err(broken)?;
        bulk::fetch(connection, bulk::text(bulk::Kind::Publish, chunk.len(), false, false), arguments).await?;
    }
    Ok(())
}

fn bind_published(arguments: &mut SqliteArguments, events: &[EventKey], at: Timestamp) -> std::result::Result<(), BoxDynError> {
    arguments.add(at.millis())?;
    for (order, sequence) in events {
        arguments.add(order.0.as_bytes().as_slice())?;
        arguments.add(*sequence)?;
    }
    Ok(())
}

pub(super) async fn postpone(connection: &mut SqliteConnection, event: EventKey, reason: &str, next_attempt_at: Timestamp) -> Result<()> {
    sqlx::query(
        "UPDATE outbox
         SET next_attempt_at = ?, lease_until = NULL, last_error = ?
         WHERE order_id = ? AND sequence = ? AND published_at IS NULL",
    )
    .bind(next_attempt_at.millis())
    .bind(reason)
    .bind(event.0.0.as_bytes().as_slice())
    .bind(event.1)
    .execute(connection)
    .await
    .map(drop)
    .map_err(|error| fault(&error))
}

pub(super) async fn unreceived(connection: &mut SqliteConnection, before: Timestamp, limit: u32) -> Result<Vec<Received>> {
    let rows = sqlx::query(
        "SELECT order_id, sequence, id, kind, occurred_at, traceparent, data
         FROM outbox
         WHERE published_at IS NOT NULL AND received_at IS NULL AND published_at < ?
         ORDER BY published_at
         LIMIT ?",
    )
    .bind(before.millis())
    .bind(limit)
    .fetch_all(connection)
    .await
    .map_err(|error| fault(&error))?;
    rows.iter().map(|row| event(row)?.with_order().map_err(broken)).collect()
}

pub(super) async fn exists(connection: &mut SqliteConnection, key: EventKey) -> Result<bool> {
    sqlx::query("SELECT 1 FROM outbox WHERE order_id = ? AND sequence = ?")
        .bind(key.0.0.as_bytes().as_slice())
        .bind(key.1)
        .fetch_optional(connection)
        .await
        .map(|row| row.is_some())
        .map_err(|error| fault(&error))
}
