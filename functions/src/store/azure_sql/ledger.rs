//! Attempts with an endpoint, step by step.

use super::{
    super::{
        Result,
        ledger::{Begin, Begun, Ending, Outage, Purpose},
    },
    connect::{int, moment, number, text},
    deliveries,
    fault::{Fault, broken},
    pool::Pool,
};
use crate::domain::{
    attempt::Outcome,
    id::DeliveryId,
    retry,
    settle::{Found, Verdict},
    timestamp::Timestamp,
};

/// The delivery is locked before the circuit, as it is by who ends an attempt. While the endpoint is down, the delivery is
/// given back as if it had not been claimed; but when a probe is due, this is it. After an earlier try, a circuit that is open
/// until the very moment that this probe would be given up was left so by it.
const BEGIN: &str = "
    SET NOCOUNT ON; SET XACT_ABORT ON;
    IF @@TRANCOUNT > 0 ROLLBACK;
    DECLARE @said nvarchar(10) = N'lost'; DECLARE @failures int; DECLARE @opened bigint; DECLARE @until bigint;
    DECLARE @held uniqueidentifier;
    BEGIN TRANSACTION;
    SELECT @held = id
    FROM dbo.deliveries WITH (UPDLOCK, ROWLOCK)
    WHERE id = @P2 AND attempts = @P3 AND state = N'pending' AND lease_until > @P4;
    IF @held IS NOT NULL
    BEGIN
        IF @P6 = 1
            SELECT @failures = failures, @opened = opened_at, @until = open_until
            FROM dbo.circuits WITH (UPDLOCK, ROWLOCK)
            WHERE endpoint = @P5;
        IF @until > @P4 AND (@P1 = 0 OR @until <> @P8)
        BEGIN
            SET @said = N'paused';
            UPDATE dbo.deliveries
            SET attempts = attempts - 1, lease_until = NULL, next_attempt_at = @until,
                paused_at = CASE WHEN @opened > @P9 THEN @P4 END
            WHERE id = @P2;
        END
        ELSE
        BEGIN
            SET @said = CASE WHEN @until IS NULL THEN N'go' ELSE N'probe' END;
            UPDATE dbo.circuits SET open_until = @P8 WHERE endpoint = @P5 AND @until IS NOT NULL;
            UPDATE dbo.deliveries
            SET lease_until = @P10, next_attempt_at = @P10,
                begun_at = CASE WHEN @P7 = 1 THEN @P4 ELSE begun_at END,
                doubt = CASE WHEN @P7 = 0 THEN doubt END,
                provider_ref = CASE WHEN @P7 = 0 THEN provider_ref END
            WHERE id = @P2;
        END;
    END;
    COMMIT;
    SELECT @said AS said, COALESCE(@failures, 0) AS failures, COALESCE(@opened, 0) AS opened, COALESCE(@until, 0) AS until";

pub(super) async fn begin(pool: &Pool, begin: &Begin) -> Result<Begun> {
    let heeds = begin.purpose != Purpose::SendAfterAsking;
    let sends = begin.purpose != Purpose::Ask;
    let (given_up, pausing) = (begin.at.plus(retry::PROBE_LOST).millis(), begin.at.minus(retry::LONGEST_PAUSE).millis());
    let (id, attempt, at, endpoint) = (begin.delivery.0, int(begin.attempt), begin.at.millis(), begin.endpoint.as_str());
    let until = begin.lease_until.millis();
    let results = pool.write(BEGIN, &[&id, &attempt, &at, &endpoint, &heeds, &sends, &given_up, &pausing, &until]).await?;
    let row = results.iter().flatten().next().ok_or_else(|| broken("it was not said whether the attempt began"))?;
    Ok(match text(row, 0)? {
        "go" => Begun::Go(Found::Closed),
        "probe" => Begun::Go(Found::Probed { failures: number(row, 1)?, opened_at: moment(row, 2)? }),
        "paused" => Begun::Paused { until: moment(row, 3)? },
        _ => Begun::Lost,
    })
}

const SENT: &str = "
    SET NOCOUNT ON;
    IF @@TRANCOUNT > 0 ROLLBACK;
    UPDATE dbo.deliveries SET provider_ref = @P4 WHERE id = @P2 AND attempts = @P3";

pub(super) async fn sent(pool: &Pool, delivery: DeliveryId, attempt: u32, provider_ref: &str) -> Result<()> {
    pool.write(SENT, &[&delivery.0, &int(attempt), &provider_ref]).await.map(drop)
}

/// As for an attempt without an endpoint, with what was unknown, what pauses, and the circuit: `@P10` is the endpoint,
/// `@P16` whether it is up (1), down (0) or not judged (null), `@P18` why it is down. Only a probe makes the pause of one that is down longer:
/// attempts that were under way together failed of one cause.
const END: &str = concat!(
    deliveries::attempt_ended!(),
    "
    UPDATE dbo.deliveries
    SET state = @P9, next_attempt_at = COALESCE(@P7, @P4), lease_until = NULL, begun_at = NULL,
        doubt = CASE WHEN @P5 = N'unknown' THEN COALESCE(doubt, @P3) WHEN @P11 = 0 THEN doubt END,
        provider_ref = COALESCE(@P12, provider_ref),
        paused_at = CASE WHEN @P13 = 1 THEN @P4 END
    WHERE id = @P2 AND state IN (N'pending', N'failed') AND (attempts = @P3 OR @P9 = N'succeeded');
    IF @P16 = 0
    BEGIN
        UPDATE dbo.circuits WITH (UPDLOCK, HOLDLOCK)
        SET failures = CASE WHEN @P17 = 1 THEN @P14 ELSE failures END,
            open_until = CASE WHEN @P17 = 1 THEN @P15 ELSE open_until END,
            reason = CASE WHEN @P17 = 1 THEN @P18 ELSE reason END
        WHERE endpoint = @P10;
        IF @@ROWCOUNT = 0
            INSERT INTO dbo.circuits (endpoint, failures, opened_at, open_until, reason)
            VALUES (@P10, @P14, @P4, @P15, @P18);
    END;
    IF @P16 = 1
    BEGIN
        DELETE FROM dbo.circuits WHERE endpoint = @P10;
        IF @@ROWCOUNT > 0
            UPDATE dbo.deliveries
            SET next_attempt_at = @P4
            WHERE endpoint = @P10 AND paused_at IS NOT NULL AND state = N'pending' AND lease_until IS NULL;
    END;
    COMMIT"
);

pub(super) async fn end(pool: &Pool, ending: &Ending) -> Result<()> {
    let record = &ending.record;
    let (outcome, state, reason, next_attempt_at, named) = deliveries::words(&record.outcome);
    let ends_doubt = ending.ends_doubt || matches!(record.outcome, Outcome::Succeeded { .. });
    let provider_ref = matches!(record.outcome, Outcome::Unknown { .. }).then_some(named).flatten();
    let (up, failures, until, probed, why) = match &ending.verdict {
        None => (None, 0, record.at, false, None),
        Some(Verdict::Up) => (Some(true), 0, record.at, false, None),
        Some(Verdict::Down { found, until, reason }) => {
            (Some(false), found.failures().saturating_add(1), *until, matches!(found, Found::Probed { .. }), Some(reason.as_str()))
        }
    };
    pool.write(
        END,
        &[
            &record.delivery.0,
            &int(record.attempt),
            &record.at.millis(),
            &outcome,
            &reason,
            &next_attempt_at.map(Timestamp::millis),
            &named,
            &state,
            &ending.endpoint.as_str(),
            &ends_doubt,
            &provider_ref,
            &ending.paused,
            &int(failures),
            &until.millis(),
            &up,
            &probed,
            &why,
        ],
    )
    .await
    .map(drop)
}

pub(super) async fn outages(pool: &Pool) -> Result<Vec<Outage>> {
    let sql = "SELECT endpoint, failures, opened_at, open_until, reason FROM dbo.circuits ORDER BY opened_at";
    let results = pool.read(sql, &[]).await?;
    let rows = results.iter().flatten().map(|row| {
        Ok(Outage {
            endpoint: text(row, 0)?.to_owned(),
            failures: number(row, 1)?,
            opened_at: moment(row, 2)?,
            open_until: moment(row, 3)?,
            reason: text(row, 4)?.to_owned(),
        })
    });
    Ok(rows.collect::<std::result::Result<_, Fault>>()?)
}
