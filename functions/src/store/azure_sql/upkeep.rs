//! When something is due, and what may go.

use super::{
    super::{Expired, Expiry, Result, Waiting},
    connect::{int, moment_or_none, number},
    fault::broken,
    pool::Pool,
};

pub(super) async fn next_due(pool: &Pool) -> Result<Waiting> {
    let results = pool
        .read(
            "SELECT (SELECT MIN(next_attempt_at) FROM dbo.outbox WHERE published_at IS NULL) AS event_due,
                    (SELECT MIN(next_attempt_at) FROM dbo.deliveries WHERE state = N'pending') AS delivery_due,
                    (SELECT MIN(occurred_at) FROM (
                         SELECT TOP (100) occurred_at FROM dbo.outbox WHERE published_at IS NULL ORDER BY next_attempt_at) AS first_due)
                        AS oldest_unpublished,
                    (SELECT COUNT(*) FROM dbo.circuits) AS endpoints_down",
            &[],
        )
        .await?;
    let row = results.iter().flatten().next().ok_or_else(|| broken("minimums are one row"))?;
    Ok(Waiting {
        event_due: moment_or_none(row, 0)?,
        delivery_due: moment_or_none(row, 1)?,
        oldest_unpublished: moment_or_none(row, 2)?,
        endpoints_down: number(row, 3)?,
    })
}

/// Deliveries and their attempts go with their event. Of a circuit for whose endpoint nothing waits, nobody is left who would
/// probe.
const EXPIRE: &str = "
    SET NOCOUNT ON;
    IF @@TRANCOUNT > 0 ROLLBACK;
    DECLARE @keys int; DECLARE @events int;
    DELETE FROM dbo.idempotency
    WHERE seq IN (SELECT TOP (@P4) seq FROM dbo.idempotency WHERE expires_at <= @P2 ORDER BY expires_at);
    SET @keys = @@ROWCOUNT;
    DELETE FROM dbo.outbox
    WHERE seq IN (
        SELECT TOP (@P4) old.seq
        FROM dbo.outbox AS old
        WHERE old.published_at IS NOT NULL
          AND old.received_at IS NOT NULL
          AND old.published_at < @P3
          AND old.received_at < @P3
          AND NOT EXISTS (
              SELECT 1
              FROM dbo.deliveries AS waiting
              WHERE waiting.order_id = old.order_id
                AND waiting.sequence = old.sequence
                AND waiting.state = N'pending')
        ORDER BY old.published_at);
    SET @events = @@ROWCOUNT;
    DELETE circuit
    FROM dbo.circuits AS circuit
    WHERE circuit.open_until <= @P2
      AND NOT EXISTS (
          SELECT 1 FROM dbo.deliveries AS waiting WHERE waiting.endpoint = circuit.endpoint AND waiting.state = N'pending');
    SELECT @keys AS keys, @events AS events";

pub(super) async fn expire(pool: &Pool, expiry: Expiry) -> Result<Expired> {
    let results = pool.write(EXPIRE, &[&expiry.now.millis(), &expiry.events_before.millis(), &int(expiry.limit)]).await?;
    let row = results.iter().flatten().next().ok_or_else(|| broken("what expired was not counted"))?;
    Ok(Expired { keys: number(row, 0)?.into(), events: number(row, 1)?.into() })
}
