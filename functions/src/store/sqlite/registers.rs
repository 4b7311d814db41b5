//! Webhook endpoints, and addresses that must not be told.

use super::{
    super::Result,
    connect::{broken, fault, moment, moment_or_none, text, text_or_none},
    ledger,
};
use crate::domain::{
    delivery::News,
    suppression::{Suppression, folded},
    timestamp::Timestamp,
    webhook::{Disabled, Endpoint, circuit},
};
use sqlx::{SqliteConnection, sqlite::SqliteRow};

pub(super) async fn endpoints(connection: &mut SqliteConnection) -> Result<Vec<Endpoint>> {
    let rows = sqlx::query(
        "SELECT name, url, events, key_name, created_at, disabled_at, disabled_reason
         FROM webhook_endpoints
         ORDER BY name",
    )
    .fetch_all(connection)
    .await
    .map_err(|error| fault(&error))?;
    rows.iter().map(endpoint).collect()
}

fn endpoint(row: &SqliteRow) -> Result<Endpoint> {
    let types: Vec<String> = serde_json::from_str(text(row, 2)?).map_err(broken)?;
    let reason = text_or_none(row, 6)?.unwrap_or_default().to_owned();
    Ok(Endpoint {
        name: text(row, 0)?.to_owned(),
        url: text(row, 1)?.to_owned(),
        events: types.iter().filter_map(|text| News::from_event_type(text)).collect(),
        key_name: text(row, 3)?.to_owned(),
        created_at: moment(row, 4)?,
        disabled: moment_or_none(row, 5)?.map(|at| Disabled { at, reason }),
    })
}

pub(super) async fn put_endpoint(connection: &mut SqliteConnection, endpoint: &Endpoint) -> Result<()> {
    let types: Vec<_> = endpoint.events.iter().map(|news| news.event_type()).collect();
    sqlx::query(
        "INSERT INTO webhook_endpoints (name, url, events, key_name, created_at) VALUES (?, ?, ?, ?, ?)
         ON CONFLICT (name) DO UPDATE
         SET url = excluded.url, events = excluded.events, key_name = excluded.key_name, created_at = excluded.created_at,
             disabled_at = NULL, disabled_reason = NULL",
    )
    .bind(endpoint.name.as_str())
    .bind(endpoint.url.as_str())
    .bind(serde_json::to_string(&types).map_err(broken)?)
    .bind(endpoint.key_name.as_str())
    .bind(endpoint.created_at.millis())
    .execute(&mut *connection)
    .await
    .map_err(|error| fault(&error))?;
    ledger::forget(connection, &circuit(&endpoint.name), endpoint.created_at).await
}

pub(super) async fn remove_endpoint(connection: &mut SqliteConnection, name: &str, at: Timestamp) -> Result<bool> {
    let done = sqlx::query("DELETE FROM webhook_endpoints WHERE name = ?")
        .bind(name)
        .execute(&mut *connection)
        .await
        .map_err(|error| fault(&error))?;
    ledger::forget(connection, &circuit(name), at).await?;
    Ok(done.rows_affected() > 0)
}

pub(super) async fn disable_endpoint(
    connection: &mut SqliteConnection,
    name: &str,
    registered: Timestamp,
    reason: &str,
    at: Timestamp,
) -> Result<()> {
    sqlx::query(
        "UPDATE webhook_endpoints
         SET disabled_at = ?, disabled_reason = ?
         WHERE name = ? AND created_at = ? AND disabled_at IS NULL",
    )
    .bind(at.millis())
    .bind(reason)
    .bind(name)
    .bind(registered.millis())
    .execute(connection)
    .await
    .map(drop)
    .map_err(|error| fault(&error))
}

pub(super) async fn endpoint_answered(connection: &mut SqliteConnection, name: &str, at: Timestamp) -> Result<()> {
    ledger::see(connection, &circuit(name), at).await
}

pub(super) async fn suppressions(connection: &mut SqliteConnection, channel: Option<&str>) -> Result<Vec<Suppression>> {
    let rows = sqlx::query(
        "SELECT channel, address, reason, at
         FROM suppressions
         WHERE ?1 IS NULL OR channel = ?1
         ORDER BY channel, address",
    )
    .bind(channel)
    .fetch_all(connection)
    .await
    .map_err(|error| fault(&error))?;
    rows.iter().map(read).collect()
}

pub(super) async fn suppression(connection: &mut SqliteConnection, channel: &str, address: &str) -> Result<Option<Suppression>> {
    let row = sqlx::query("SELECT channel, address, reason, at FROM suppressions WHERE channel = ? AND address = ?")
        .bind(channel)
        .bind(folded(address))
        .fetch_optional(connection)
        .await
        .map_err(|error| fault(&error))?;
    row.as_ref().map(read).transpose()
}

fn read(row: &SqliteRow) -> Result<Suppression> {
    Ok(Suppression {
        channel: text(row, 0)?.to_owned(),
        address: text(row, 1)?.to_owned(),
        reason: text(row, 2)?.to_owned(),
        at: moment(row, 3)?,
    })
}

pub(super) async fn add_suppression(connection: &mut SqliteConnection, suppression: &Suppression) -> Result<bool> {
    let done = sqlx::query("INSERT INTO suppressions (channel, address, reason, at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING")
        .bind(suppression.channel.as_str())
        .bind(folded(&suppression.address))
        .bind(suppression.reason.as_str())
        .bind(suppression.at.millis())
        .execute(connection)
        .await;
    done.map(|done| done.rows_affected() > 0).map_err(|error| fault(&error))
}

pub(super) async fn remove_suppression(connection: &mut SqliteConnection, channel: &str, address: &str) -> Result<bool> {
    let done = sqlx::query("DELETE FROM suppressions WHERE channel = ? AND address = ?")
        .bind(channel)
        .bind(folded(address))
        .execute(connection)
        .await;
    done.map(|done| done.rows_affected() > 0).map_err(|error| fault(&error))
}
