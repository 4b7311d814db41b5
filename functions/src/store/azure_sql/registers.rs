//! Webhook endpoints, and addresses that must not be told.

use super::{
    super::Result,
    connect::{moment, moment_or_none, number, text, text_or_none},
    fault::{Fault, broken},
    pool::Pool,
};
use crate::domain::{
    delivery::News,
    suppression::{Suppression, folded},
    timestamp::Timestamp,
    webhook::{Disabled, Endpoint, circuit},
};
use tiberius::Row;

pub(super) async fn endpoints(pool: &Pool) -> Result<Vec<Endpoint>> {
    let sql = "SELECT name, url, events, key_name, created_at, disabled_at, disabled_reason
               FROM dbo.webhook_endpoints
               ORDER BY name";
    let results = pool.read(sql, &[]).await?;
    Ok(results.iter().flatten().map(endpoint).collect::<std::result::Result<_, Fault>>()?)
}

fn endpoint(row: &Row) -> std::result::Result<Endpoint, Fault> {
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

/// The key's range is locked from the update on, so that of two who register one name the second finds the first's row.
const PUT_ENDPOINT: &str = "
    SET NOCOUNT ON; SET XACT_ABORT ON;
    IF @@TRANCOUNT > 0 ROLLBACK;
    BEGIN TRANSACTION;
    UPDATE dbo.webhook_endpoints WITH (UPDLOCK, HOLDLOCK)
    SET url = @P3, events = @P4, key_name = @P5, created_at = @P6, disabled_at = NULL, disabled_reason = NULL
    WHERE name = @P2;
    IF @@ROWCOUNT = 0
        INSERT INTO dbo.webhook_endpoints (name, url, events, key_name, created_at) VALUES (@P2, @P3, @P4, @P5, @P6);
    UPDATE dbo.deliveries
    SET next_attempt_at = @P6
    WHERE endpoint = @P7 AND state = N'pending' AND lease_until IS NULL AND next_attempt_at > @P6;
    DELETE FROM dbo.circuits WHERE endpoint = @P7;
    COMMIT";

pub(super) async fn put_endpoint(pool: &Pool, endpoint: &Endpoint) -> Result<()> {
    let types: Vec<_> = endpoint.events.iter().map(|news| news.event_type()).collect();
    let types = serde_json::Value::from(types).to_string();
    let Endpoint { name, url, key_name, created_at, .. } = endpoint;
    let (at, circuit) = (created_at.millis(), circuit(name));
    pool.write(PUT_ENDPOINT, &[&name.as_str(), &url.as_str(), &types, &key_name.as_str(), &at, &circuit]).await.map(drop)
}

/// After an earlier try, a row that is gone was removed by it, as far as anybody can tell.
const REMOVE_ENDPOINT: &str = "
    SET NOCOUNT ON; SET XACT_ABORT ON;
    IF @@TRANCOUNT > 0 ROLLBACK;
    DECLARE @removed int;
    BEGIN TRANSACTION;
    DELETE FROM dbo.webhook_endpoints WHERE name = @P2;
    SET @removed = @@ROWCOUNT;
    UPDATE dbo.deliveries
    SET next_attempt_at = @P3
    WHERE endpoint = @P4 AND state = N'pending' AND lease_until IS NULL AND next_attempt_at > @P3;
    DELETE FROM dbo.circuits WHERE endpoint = @P4;
    COMMIT;
    SELECT CASE WHEN @removed > 0 OR @P1 = 1 THEN 1 ELSE 0 END AS removed";

pub(super) async fn remove_endpoint(pool: &Pool, name: &str, at: Timestamp) -> Result<bool> {
    said(&pool.write(REMOVE_ENDPOINT, &[&name, &at.millis(), &circuit(name)]).await?)
}

const DISABLE_ENDPOINT: &str = "
    SET NOCOUNT ON;
    IF @@TRANCOUNT > 0 ROLLBACK;
    UPDATE dbo.webhook_endpoints
    SET disabled_at = @P3, disabled_reason = @P4
    WHERE name = @P2 AND created_at = @P5 AND disabled_at IS NULL";

pub(super) async fn disable_endpoint(pool: &Pool, name: &str, registered: Timestamp, reason: &str, at: Timestamp) -> Result<()> {
    pool.write(DISABLE_ENDPOINT, &[&name, &at.millis(), &reason, &registered.millis()]).await.map(drop)
}

const ENDPOINT_ANSWERED: &str = "
    SET NOCOUNT ON; SET XACT_ABORT ON;
    IF @@TRANCOUNT > 0 ROLLBACK;
    BEGIN TRANSACTION;
    UPDATE dbo.deliveries
    SET next_attempt_at = @P3
    WHERE endpoint = @P2 AND state = N'pending' AND lease_until IS NULL AND next_attempt_at > @P3;
    UPDATE dbo.circuits SET open_until = @P3 WHERE endpoint = @P2 AND open_until > @P3;
    COMMIT";

pub(super) async fn endpoint_answered(pool: &Pool, name: &str, at: Timestamp) -> Result<()> {
    pool.write(ENDPOINT_ANSWERED, &[&circuit(name), &at.millis()]).await.map(drop)
}

pub(super) async fn suppressions(pool: &Pool, channel: Option<&str>) -> Result<Vec<Suppression>> {
    let sql = "SELECT channel, address, reason, at
               FROM dbo.suppressions
               WHERE @P1 IS NULL OR channel = @P1
               ORDER BY channel, address";
    let results = pool.read(sql, &[&channel]).await?;
    Ok(results.iter().flatten().map(read).collect::<std::result::Result<_, Fault>>()?)
}

pub(super) async fn suppression(pool: &Pool, channel: &str, address: &str) -> Result<Option<Suppression>> {
    let sql = "SELECT channel, address, reason, at FROM dbo.suppressions WHERE channel = @P1 AND address = @P2";
    let address = folded(address);
    let results = pool.read(sql, &[&channel, &address]).await?;
    Ok(results.iter().flatten().next().map(read).transpose()?)
}

fn read(row: &Row) -> std::result::Result<Suppression, Fault> {
    Ok(Suppression {
        channel: text(row, 0)?.to_owned(),
        address: text(row, 1)?.to_owned(),
        reason: text(row, 2)?.to_owned(),
        at: moment(row, 3)?,
    })
}

/// After an earlier try, a row of this very moment and reason is ours.
const ADD_SUPPRESSION: &str = "
    SET NOCOUNT ON; SET XACT_ABORT ON;
    IF @@TRANCOUNT > 0 ROLLBACK;
    DECLARE @added int;
    BEGIN TRANSACTION;
    INSERT INTO dbo.suppressions (channel, address, reason, at)
    SELECT @P2, @P3, @P4, @P5
    WHERE NOT EXISTS (
        SELECT 1 FROM dbo.suppressions WITH (UPDLOCK, HOLDLOCK) WHERE channel = @P2 AND address = @P3);
    SET @added = @@ROWCOUNT;
    IF @added = 0 AND @P1 = 1
        SELECT @added = COUNT(*) FROM dbo.suppressions WHERE channel = @P2 AND address = @P3 AND reason = @P4 AND at = @P5;
    COMMIT;
    SELECT @added AS added";

pub(super) async fn add_suppression(pool: &Pool, suppression: &Suppression) -> Result<bool> {
    let (channel, address) = (suppression.channel.as_str(), folded(&suppression.address));
    said(&pool.write(ADD_SUPPRESSION, &[&channel, &address, &suppression.reason.as_str(), &suppression.at.millis()]).await?)
}

/// After an earlier try, a row that is gone was removed by it, as far as anybody can tell.
const REMOVE_SUPPRESSION: &str = "
    SET NOCOUNT ON;
    IF @@TRANCOUNT > 0 ROLLBACK;
    DECLARE @removed int;
    DELETE FROM dbo.suppressions WHERE channel = @P2 AND address = @P3;
    SET @removed = @@ROWCOUNT;
    SELECT CASE WHEN @removed > 0 OR @P1 = 1 THEN 1 ELSE 0 END AS removed";

pub(super) async fn remove_suppression(pool: &Pool, channel: &str, address: &str) -> Result<bool> {
    let address = folded(address);
    said(&pool.write(REMOVE_SUPPRESSION, &[&channel, &address]).await?)
}

/// One row with one number: whether something was done.
fn said(results: &[Vec<Row>]) -> Result<bool> {
    let row = results.iter().flatten().next().ok_or_else(|| broken("what was done was not counted"))?;
    Ok(number(row, 0)? > 0)
}
