//! Attempts with an endpoint, step by step.

use super::{
    super::{
        Result,
        ledger::{Begin, Begun, Ending, Outage, Purpose},
    },
    connect::{fault, moment, number, text},
    deliveries,
};
use crate::domain::{
    attempt::Outcome,
    id::DeliveryId,
    retry,
    settle::{Found, Verdict},
    timestamp::Timestamp,
};
use sqlx::SqliteConnection;

pub(super) async fn begin(connection: &mut SqliteConnection, begin: &Begin) -> Result<Begun> {
    let held = sqlx::query("SELECT 1 FROM deliveries WHERE id = ? AND attempts = ? AND state = 'pending' AND lease_until > ?")
        .bind(begin.delivery.0.as_bytes().as_slice())
        .bind(begin.attempt)
        .bind(begin.at.millis())
        .fetch_optional(&mut *connection)
        .await
        .map_err(|error| fault(&error))?;
    if held.is_none() {
        return Ok(Begun::Lost);
    }
    let answer = match begin.purpose {
        Purpose::Send | Purpose::Ask => heed(connection, begin).await?,
        Purpose::SendAfterAsking => Begun::Go(Found::Closed),
    };
    if matches!(answer, Begun::Go(_)) {
        sqlx::query(
            "UPDATE deliveries
             SET lease_until = ?2, next_attempt_at = ?2,
                 begun_at = CASE WHEN ?4 THEN ?3 ELSE begun_at END,
                 doubt = CASE WHEN NOT ?4 THEN doubt END,
                 provider_ref = CASE WHEN NOT ?4 THEN provider_ref END
             WHERE id = ?1",
        )
        .bind(begin.delivery.0.as_bytes().as_slice())
        .bind(begin.lease_until.millis())
        .bind(begin.at.millis())
        .bind(begin.purpose != Purpose::Ask)
        .execute(connection)
        .await
        .map_err(|error| fault(&error))?;
    }
    Ok(answer)
}

/// While the endpoint is down, the delivery is given back as if it had not been claimed; but when a probe is due, this is it.
async fn heed(connection: &mut SqliteConnection, begin: &Begin) -> Result<Begun> {
    let row = sqlx::query("SELECT failures, opened_at, open_until FROM circuits WHERE endpoint = ?")
        .bind(begin.endpoint.as_str())
        .fetch_optional(&mut *connection)
        .await
        .map_err(|error| fault(&error))?;
    let Some(row) = row else { return Ok(Begun::Go(Found::Closed)) };
    let (failures, opened_at, until) = (number(&row, 0)?, moment(&row, 1)?, moment(&row, 2)?);
    if until <= begin.at {
        sqlx::query("UPDATE circuits SET open_until = ? WHERE endpoint = ?")
            .bind(begin.at.plus(retry::PROBE_LOST).millis())
            .bind(begin.endpoint.as_str())
            .execute(connection)
            .await
            .map_err(|error| fault(&error))?;
        return Ok(Begun::Go(Found::Probed { failures, opened_at }));
    }
    sqlx::query(
        "UPDATE deliveries
         SET attempts = attempts - 1, lease_until = NULL, next_attempt_at = ?2, paused_at = CASE WHEN ?4 THEN ?3 END
         WHERE id = ?1",
    )
    .bind(begin.delivery.0.as_bytes().as_slice())
    .bind(until.millis())
    .bind(begin.at.millis())
    .bind(begin.at.since(opened_at) < retry::LONGEST_PAUSE)
    .execute(connection)
    .await
    .map_err(|error| fault(&error))?;
    Ok(Begun::Paused { until })
}

pub(super) async fn sent(connection: &mut SqliteConnection, delivery: DeliveryId, attempt: u32, provider_ref: &str) -> Result<()> {
    sqlx::query("UPDATE deliveries SET provider_ref = ? WHERE id = ? AND attempts = ?")
        .bind(provider_ref)
        .bind(delivery.0.as_bytes().as_slice())
        .bind(attempt)
        .execute(connection)
        .await
        .map(drop)
        .map_err(|error| fault(&error))
}

/// The columns that only deliveries with an endpoint use come first: to settle the row changes what they are told by.
pub(super) async fn end(connection: &mut SqliteConnection, ending: &Ending) -> Result<()> {
    let record = &ending.record;
    let (in_doubt, provider_ref) = match &record.outcome {
        Outcome::Unknown { provider_ref, .. } => (true, provider_ref.as_deref()),
        Outcome::Succeeded { .. } | Outcome::Retrying { .. } | Outcome::Failed { .. } => (false, None),
    };
    let succeeded = matches!(record.outcome, Outcome::Succeeded { .. });
    sqlx::query(
        "UPDATE deliveries
         SET begun_at = NULL,
             doubt = CASE WHEN ?3 THEN coalesce(doubt, ?2) WHEN NOT ?4 THEN doubt END,
             provider_ref = coalesce(?5, provider_ref),
             paused_at = ?6
         WHERE id = ?1 AND state IN ('pending', 'failed') AND (attempts = ?2 OR ?7)",
    )
    .bind(record.delivery.0.as_bytes().as_slice())
    .bind(record.attempt)
    .bind(in_doubt)
    .bind(succeeded || ending.ends_doubt)
    .bind(provider_ref)
    .bind(ending.paused.then(|| record.at.millis()))
    .bind(succeeded)
    .execute(&mut *connection)
    .await
    .map_err(|error| fault(&error))?;
    deliveries::record(connection, record).await?;
    match &ending.verdict {
        None => Ok(()),
        Some(Verdict::Up) => close(connection, ending).await,
        Some(Verdict::Down { found, until, reason }) => {
            // Only a probe makes the pause longer: attempts that were under way together failed of one cause.
            sqlx::query(
                "INSERT INTO circuits (endpoint, failures, opened_at, open_until, reason) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (endpoint) DO UPDATE
                 SET failures = excluded.failures, open_until = excluded.open_until, reason = excluded.reason
                 WHERE ?6",
            )
            .bind(ending.endpoint.as_str())
            .bind(found.failures().saturating_add(1))
            .bind(record.at.millis())
            .bind(until.millis())
            .bind(reason.as_str())
            .bind(matches!(found, Found::Probed { .. }))
            .execute(connection)
            .await
            .map(drop)
            .map_err(|error| fault(&error))
        }
    }
}

async fn close(connection: &mut SqliteConnection, ending: &Ending) -> Result<()> {
    let closed = sqlx::query("DELETE FROM circuits WHERE endpoint = ?")
        .bind(ending.endpoint.as_str())
        .execute(&mut *connection)
        .await
        .map_err(|error| fault(&error))?;
    if closed.rows_affected() == 0 {
        return Ok(());
    }
    sqlx::query(
        "UPDATE deliveries
         SET next_attempt_at = ?
         WHERE endpoint = ? AND paused_at IS NOT NULL AND state = 'pending' AND lease_until IS NULL",
    )
    .bind(ending.record.at.millis())
    .bind(ending.endpoint.as_str())
    .execute(connection)
    .await
    .map(drop)
    .map_err(|error| fault(&error))
}

/// Nothing is known of the endpoint's being down any more.
pub(super) async fn forget(connection: &mut SqliteConnection, endpoint: &str, at: Timestamp) -> Result<()> {
    sqlx::query("DELETE FROM circuits WHERE endpoint = ?").bind(endpoint).execute(&mut *connection).await.map_err(|error| fault(&error))?;
    wake(connection, endpoint, at).await
}

/// The next attempt may probe.
pub(super) async fn see(connection: &mut SqliteConnection, endpoint: &str, at: Timestamp) -> Result<()> {
    sqlx::query("UPDATE circuits SET open_until = ?2 WHERE endpoint = ?1 AND open_until > ?2")
        .bind(endpoint)
        .bind(at.millis())
        .execute(&mut *connection)
        .await
        .map_err(|error| fault(&error))?;
    wake(connection, endpoint, at).await
}

/// All that waits for the endpoint is due.
async fn wake(connection: &mut SqliteConnection, endpoint: &str, at: Timestamp) -> Result<()> {
    sqlx::query(
        "UPDATE deliveries
         SET next_attempt_at = ?2
         WHERE endpoint = ?1 AND state = 'pending' AND lease_until IS NULL AND next_attempt_at > ?2",
    )
    .bind(endpoint)
    .bind(at.millis())
    .execute(connection)
    .await
    .map(drop)
    .map_err(|error| fault(&error))
}

pub(super) async fn outages(connection: &mut SqliteConnection) -> Result<Vec<Outage>> {
    let rows = sqlx::query("SELECT endpoint, failures, opened_at, open_until, reason FROM circuits ORDER BY opened_at")
        .fetch_all(connection)
        .await
        .map_err(|error| fault(&error))?;
    rows.iter()
        .map(|row| {
            Ok(Outage {
                endpoint: text(row, 0)?.to_owned(),
                failures: number(row, 1)?,
                opened_at: moment(row, 2)?,
                open_until: moment(row, 3)?,
                reason: text(row, 4)?.to_owned(),
            })
        })
        .collect()
}
