//! When something is due, and what may go.

use super::{
    super::{Expired, Expiry, Result, Waiting},
    connect::{fault, moment_or_none, number},
};
use crate::domain::id::OrderId;
use sqlx::SqliteConnection;

pub(super) async fn next_due(connection: &mut SqliteConnection) -> Result<Waiting> {
    let row = sqlx::query(
        "SELECT (SELECT min(next_attempt_at) FROM outbox WHERE published_at IS NULL),
                (SELECT min(next_attempt_at) FROM deliveries WHERE state = 'pending'),
                (SELECT min(occurred_at) FROM (
                     SELECT occurred_at FROM outbox WHERE published_at IS NULL ORDER BY next_attempt_at LIMIT 100)),
                (SELECT count(*) FROM circuits)",
    )
    .fetch_one(connection)
    .await
    .map_err(|error| fault(&error))?;
    Ok(Waiting {
        event_due: moment_or_none(&row, 0)?,
        delivery_due: moment_or_none(&row, 1)?,
        oldest_unpublished: moment_or_none(&row, 2)?,
        endpoints_down: number(&row, 3)?,
    })
}

/// An order is never older than its events, so old events are found by the age of their orders' ids.
pub(super) async fn expire(connection: &mut SqliteConnection, expiry: Expiry) -> Result<Expired> {
    let keys = sqlx::query(
        "DELETE FROM idempotency
         WHERE (route, key) IN (SELECT route, key FROM idempotency WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)",
    )
    .bind(expiry.now.millis())
    .bind(expiry.limit)
    .execute(&mut *connection)
    .await
    .map_err(|error| fault(&error))?;
    let events = sqlx::query(
        "DELETE FROM outbox
         WHERE (order_id, sequence) IN (
             SELECT order_id, sequence
             FROM outbox AS old
             WHERE order_id < ?1
               AND published_at < ?2
               AND received_at < ?2
               AND NOT EXISTS (
                   SELECT 1
                   FROM deliveries
                   WHERE deliveries.order_id = old.order_id
                     AND deliveries.sequence = old.sequence
                     AND deliveries.state = 'pending')
             LIMIT ?3)",
    )
    .bind(OrderId::lowest_at(expiry.events_before).0.as_bytes().as_slice())
    .bind(expiry.events_before.millis())
    .bind(expiry.limit)
    .execute(&mut *connection)
    .await
    .map_err(|error| fault(&error))?;
    // Nobody is left who would probe.
    sqlx::query(
        "DELETE FROM circuits
         WHERE open_until <= ?
           AND NOT EXISTS (SELECT 1 FROM deliveries WHERE deliveries.endpoint = circuits.endpoint AND deliveries.state = 'pending')",
    )
    .bind(expiry.now.millis())
    .execute(connection)
    .await
    .map_err(|error| fault(&error))?;
    Ok(Expired { keys: keys.rows_affected(), events: events.rows_affected() })
}
