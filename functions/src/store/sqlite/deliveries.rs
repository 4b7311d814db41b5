//! Notifications to make, the attempts at them, and messages nobody can read.

use super::{
    super::{Accepted, AttemptRecord, Lease, Receipt, Rejected, RejectedMessage, Result},
    bulk::Around,
    connect::{broken, fault, moment, moment_or_none, number, number_or_none, text, text_or_none, uuid},
    orders, outbox,
};
use crate::domain::{
    attempt::{Doubt, Outcome},
    delivery::{Delivery, NewDelivery},
    id::DeliveryId,
    retry,
    timestamp::Timestamp,
};
use sqlx::{
    Arguments, Row, SqliteConnection,
    error::BoxDynError,
    sqlite::{SqliteArguments, SqliteRow},
};
use std::time::Duration;

pub(super) const INSERT: Around = (
    "INSERT INTO deliveries (id, order_id, sequence, channel, recipient, endpoint, attempts, next_attempt_at, lease_until, created_at) VALUES",
    "(?, ?, ?, ?, ?, ?, 1, ?, ?, ?)",
    " ON CONFLICT (order_id, sequence, channel, recipient) DO NOTHING RETURNING id",
);

/// An attempt that was given up as unknown and ended after all is set right.
pub(super) const INSERT_ATTEMPT: Around = (
    "INSERT INTO delivery_attempts (delivery_id, attempt, at, outcome, reason, next_attempt_at, provider_id) VALUES",
    "(?, ?, ?, ?, ?, ?, ?)",
    " ON CONFLICT (delivery_id, attempt) DO UPDATE
      SET at = excluded.at, outcome = excluded.outcome, reason = excluded.reason,
          next_attempt_at = excluded.next_attempt_at, provider_id = excluded.provider_id",
);

/// A delivery whose lease was lost belongs to another attempt; only a success may still settle it.
pub(super) const SETTLE: Around = (
    "UPDATE deliveries
     SET state = ended.column3, next_attempt_at = ended.column4, lease_until = NULL
     FROM (VALUES",
    "(?, ?, ?, ?)",
    ") AS ended
     WHERE deliveries.id = ended.column1
       AND deliveries.state IN ('pending', 'failed')
       AND (deliveries.attempts = ended.column2 OR ended.column3 = 'succeeded')",
);

pub(super) fn bind(arguments: &mut SqliteArguments, receipt: &Receipt, delivery: &NewDelivery) -> std::result::Result<(), BoxDynError> {
    arguments.add(delivery.id.0.as_bytes().as_slice())?;
    arguments.add(receipt.event.0.0.as_bytes().as_slice())?;
    arguments.add(receipt.event.1)?;
    arguments.add(delivery.channel.as_str())?;
    arguments.add(delivery.recipient.as_str())?;
    arguments.add(delivery.endpoint.as_deref())?;
    arguments.add(receipt.lease_until.millis())?;
    arguments.add(receipt.lease_until.millis())?;
    arguments.add(receipt.at.millis())
}

/// What the outcome is called as an attempt, what it makes of the delivery, why, when next, and the provider's id.
fn words(outcome: &Outcome) -> (&'static str, &'static str, Option<&str>, Option<Timestamp>, Option<&str>) {
    match outcome {
        Outcome::Succeeded { provider_id } => ("succeeded", "succeeded", None, None, provider_id.as_deref()),
        Outcome::Retrying { reason, next_attempt_at } => ("retrying", "pending", Some(reason), Some(*next_attempt_at), None),
        Outcome::Failed { reason } => ("failed", "failed", Some(reason), None, None),
        Outcome::Unknown { reason, provider_ref, next_attempt_at } => {
            let state = if next_attempt_at.is_some() { "pending" } else { "failed" };
            ("unknown", state, Some(reason), *next_attempt_at, provider_ref.as_deref())
        }
    }
}

pub(super) fn bind_attempt(arguments: &mut SqliteArguments, record: &AttemptRecord) -> std::result::Result<(), BoxDynError> {
    let (outcome, _, reason, next_attempt_at, provider_id) = words(&record.outcome);
    arguments.add(record.delivery.0.as_bytes().as_slice())?;
    arguments.add(record.attempt)?;
    arguments.add(record.at.millis())?;
    arguments.add(outcome)?;
    arguments.add(reason)?;
    arguments.add(next_attempt_at.map(Timestamp::millis))?;
    arguments.add(provider_id)
}

pub(super) fn bind_settlement(arguments: &mut SqliteArguments, record: &AttemptRecord) -> std::result::Result<(), BoxDynError> {
    let (_, state, _, next_attempt_at, _) = words(&record.outcome);
    arguments.add(record.delivery.0.as_bytes().as_slice())?;
    arguments.add(record.attempt)?;
    arguments.add(state)?;
    arguments.add(next_attempt_at.unwrap_or(record.at).millis())
}

pub(super) async fn receive(connection: &mut SqliteConnection, receipt: &Receipt) -> Result<Accepted> {
    if !outbox::exists(connection, receipt.event).await? {
        return Ok(Accepted::UnknownEvent);
    }
    let mut arguments = SqliteArguments::default();
    outbox::bind_received(&mut arguments, &[receipt]).map_err(broken)?;
    orders::insert(connection, outbox::MARK_RECEIVED, arguments).await?;
    let mut inserted = Vec::new();
    for delivery in &receipt.deliveries {
        let mut arguments = SqliteArguments::default();
        bind(&mut arguments, receipt, delivery).map_err(broken)?;
        let sql = format!("{} {}{}", INSERT.0, INSERT.1, INSERT.2);
        let row =
            sqlx::query_with(sqlx::AssertSqlSafe(sql), arguments).fetch_optional(&mut *connection).await.map_err(|error| fault(&error))?;
        if let Some(row) = row {
            inserted.push(DeliveryId(uuid(&row, 0)?));
        }
    }
    Ok(Accepted::Deliveries(inserted))
}

pub(super) async fn record(connection: &mut SqliteConnection, record: &AttemptRecord) -> Result<()> {
    let mut arguments = SqliteArguments::default();
    bind_attempt(&mut arguments, record).map_err(broken)?;
    orders::insert(connection, INSERT_ATTEMPT, arguments).await?;
    let mut arguments = SqliteArguments::default();
    bind_settlement(&mut arguments, record).map_err(broken)?;
    orders::insert(connection, SETTLE, arguments).await
}

pub(super) async fn claim(connection: &mut SqliteConnection, limit: u32, now: Timestamp, lease: Duration) -> Result<Vec<Delivery>> {
    pause(connection, now).await?;
    let rows = sqlx::query(
        "SELECT outbox.order_id, outbox.sequence, outbox.id, outbox.kind, outbox.occurred_at, outbox.traceparent, outbox.data,
                deliveries.id, deliveries.channel, deliveries.recipient, deliveries.attempts, deliveries.lease_until,
                deliveries.endpoint, deliveries.begun_at, deliveries.doubt, deliveries.provider_ref, deliveries.paused_at,
                deliveries.extended_by,
                (SELECT max(at) FROM delivery_decisions WHERE delivery_id = deliveries.id AND decision = 'reopened'),
                (SELECT count(*) FROM delivery_attempts WHERE delivery_id = deliveries.id AND outcome = 'failed')
         FROM deliveries JOIN outbox USING (order_id, sequence)
         WHERE deliveries.state = 'pending' AND deliveries.next_attempt_at <= ?
         ORDER BY deliveries.next_attempt_at
         LIMIT ?",
    )
    .bind(now.millis())
    .bind(limit)
    .fetch_all(&mut *connection)
    .await
    .map_err(|error| fault(&error))?;
    let mut claimed = Vec::with_capacity(rows.len());
    for row in &rows {
        let (delivery, lost) = due(row, now)?;
        if let Some(lost) = lost {
            mark_unknown(connection, delivery.id, delivery.attempt - 1, lost).await?;
        }
        sqlx::query(
            "UPDATE deliveries
             SET attempts = attempts + 1, lease_until = ?2, next_attempt_at = ?2, begun_at = NULL, doubt = ?3, paused_at = NULL,
                 extended_by = ?4
             WHERE id = ?1",
        )
        .bind(delivery.id.0.as_bytes().as_slice())
        .bind(now.plus(lease).millis())
        .bind(delivery.doubt.as_ref().map(|doubt| doubt.attempt))
        .bind(i64::try_from(delivery.extended_by.as_millis()).map_err(broken)?)
        .execute(&mut *connection)
        .await
        .map_err(|error| fault(&error))?;
        claimed.push(delivery);
    }
    Ok(claimed)
}

/// The delivery as its next attempt finds it; and when the lease of the last one ended, if that may have been sent.
fn due(row: &SqliteRow, now: Timestamp) -> Result<(Delivery, Option<Timestamp>)> {
    let (begun, endpoint, leased_until) = (number(row, 10)?, text_or_none(row, 12)?, moment_or_none(row, 11)?);
    // With an endpoint, an attempt whose beginning is not written was never sent.
    let may_be_sent = endpoint.is_none() || moment_or_none(row, 13)?.is_some();
    let lost = leased_until.filter(|_| may_be_sent);
    let provider_ref = text_or_none(row, 15)?.map(str::to_owned);
    let doubt = number_or_none(row, 14)?.or(lost.map(|_| begun));
    let paused = moment_or_none(row, 16)?.map(|since| now.since(since)).unwrap_or_default();
    let delivery = Delivery {
        id: DeliveryId(uuid(row, 7)?),
        channel: text(row, 8)?.to_owned(),
        recipient: text(row, 9)?.to_owned(),
        endpoint: endpoint.map(str::to_owned),
        attempt: begun + 1,
        doubt: doubt.map(|attempt| Doubt { attempt, provider_ref }),
        reopened_at: moment_or_none(row, 18)?,
        failures: number(row, 19)?,
        extended_by: millis(row, 17)? + paused,
        is_taken_over: leased_until.is_some(),
        received: outbox::event(row)?.with_order().map_err(broken)?,
    };
    Ok((delivery, lost))
}

pub(super) async fn give_back(connection: &mut SqliteConnection, leases: &[Lease], at: Timestamp) -> Result<()> {
    for lease in leases {
        sqlx::query(
            "UPDATE deliveries
             SET attempts = attempts - 1, lease_until = NULL, next_attempt_at = ?3
             WHERE id = ?1 AND attempts = ?2 AND state = 'pending' AND lease_until = ?4 AND begun_at IS NULL",
        )
        .bind(lease.delivery.0.as_bytes().as_slice())
        .bind(lease.attempt)
        .bind(at.millis())
        .bind(lease.until.millis())
        .execute(&mut *connection)
        .await
        .map_err(|error| fault(&error))?;
    }
    Ok(())
}

fn millis(row: &SqliteRow, column: usize) -> Result<Duration> {
    let millis: i64 = row.try_get(column).map_err(|error| fault(&error))?;
    u64::try_from(millis).map(Duration::from_millis).map_err(broken)
}

/// Whatever is due at an endpoint that is down waits for its next probe, without being claimed. After a long outage it
/// is claimed, so that it can be given up.
async fn pause(connection: &mut SqliteConnection, now: Timestamp) -> Result<()> {
    let down = sqlx::query("SELECT 1 FROM circuits WHERE open_until > ? LIMIT 1")
        .bind(now.millis())
        .fetch_optional(&mut *connection)
        .await
        .map_err(|error| fault(&error))?;
    if down.is_none() {
        // Else all that is due would be gone through for nothing.
        return Ok(());
    }
    sqlx::query(
        "UPDATE deliveries
         SET paused_at = coalesce(deliveries.paused_at, ?1), next_attempt_at = circuits.open_until
         FROM circuits
         WHERE circuits.open_until > ?1
           AND circuits.opened_at > ?2
           AND circuits.endpoint = deliveries.endpoint
           AND deliveries.state = 'pending'
           AND deliveries.next_attempt_at <= ?1
           AND deliveries.lease_until IS NULL",
    )
    .bind(now.millis())
    .bind(now.minus(retry::LONGEST_PAUSE).millis())
    .execute(connection)
    .await
    .map(drop)
    .map_err(|error| fault(&error))
}

/// The lease ran out, and whoever had it did not say how the attempt ended, or that it was not made.
async fn mark_unknown(connection: &mut SqliteConnection, id: DeliveryId, attempt: u32, at: Timestamp) -> Result<()> {
    sqlx::query(
        "INSERT INTO delivery_attempts (delivery_id, attempt, at, outcome, reason)
         VALUES (?, ?, ?, 'unknown', 'no outcome was recorded within the lease')
         ON CONFLICT (delivery_id, attempt) DO NOTHING",
    )
    .bind(id.0.as_bytes().as_slice())
    .bind(attempt)
    .bind(at.millis())
    .execute(connection)
    .await
    .map(drop)
    .map_err(|error| fault(&error))
}

pub(super) async fn reject(connection: &mut SqliteConnection, message: &RejectedMessage) -> Result<()> {
    sqlx::query("INSERT INTO rejected_messages (message_id, body, reason, delivery_count, rejected_at) VALUES (?, ?, ?, ?, ?)")
        .bind(message.message_id.as_deref())
        .bind(message.body.as_slice())
        .bind(message.reason.as_str())
        .bind(message.delivery_count)
        .bind(message.at.millis())
        .execute(connection)
        .await
        .map(drop)
        .map_err(|error| fault(&error))
}

pub(super) async fn rejected(connection: &mut SqliteConnection, from: i64, limit: u32) -> Result<Vec<Rejected>> {
    let rows = sqlx::query(
        "SELECT id, message_id, body, reason, delivery_count, rejected_at
         FROM rejected_messages
         WHERE id >= ?
         ORDER BY id
         LIMIT ?",
    )
    .bind(from)
    .bind(limit)
    .fetch_all(connection)
    .await
    .map_err(|error| fault(&error))?;
    rows.iter()
        .map(|row| {
            let message = RejectedMessage {
                message_id: text_or_none(row, 1)?.map(str::to_owned),
                body: row.try_get(2).map_err(|error| fault(&error))?,
                reason: text(row, 3)?.to_owned(),
                delivery_count: number(row, 4)?,
                at: moment(row, 5)?,
            };
            Ok(Rejected { id: row.try_get(0).map_err(|error| fault(&error))?, message })
        })
        .collect()
}

pub(super) async fn forget_rejected(connection: &mut SqliteConnection, ids: &[i64]) -> Result<()> {
    for id in ids {
        sqlx::query("DELETE FROM rejected_messages WHERE id = ?")
            .bind(id)
            .execute(&mut *connection)
            .await
            .map_err(|error| fault(&error))?;
    }
    Ok(())
}
