//! Notifications to make, the attempts at them, and messages nobody can read.

use super::{
    super::{Accepted, AttemptRecord, Lease, Receipt, Rejected, RejectedMessage, Result},
    connect::{bytes, duration, int, moment, moment_or_none, number, number_or_none, text, text_or_none, uuid},
    fault::{Fault, broken},
    outbox,
    pool::Pool,
};
use crate::domain::{
    attempt::{Doubt, Outcome},
    delivery::{Delivery, NewDelivery},
    id::DeliveryId,
    retry,
    timestamp::Timestamp,
};
use serde_json::json;
use std::time::Duration;

/// Whoever marks the event holds its row until the commit, so that two who receive it insert one after the other. One
/// row with a null says that there is no such event. After an earlier try, its deliveries are those of our ids.
const RECEIVE: &str = "
    SET NOCOUNT ON; SET XACT_ABORT ON;
    IF @@TRANCOUNT > 0 ROLLBACK;
    DECLARE @inserted TABLE (id uniqueidentifier NULL);
    BEGIN TRANSACTION;
    UPDATE dbo.outbox SET received_at = COALESCE(received_at, @P4) WHERE order_id = @P2 AND sequence = @P3;
    IF @@ROWCOUNT = 0
        INSERT INTO @inserted (id) VALUES (NULL);
    ELSE
    BEGIN
        INSERT INTO dbo.deliveries
            (id, order_id, sequence, channel, recipient, endpoint, attempts, next_attempt_at, lease_until, created_at)
        OUTPUT inserted.id INTO @inserted (id)
        SELECT new.id, @P2, @P3, new.channel, new.recipient, new.endpoint, 1, @P5, @P5, @P4
        FROM OPENJSON(@P6) WITH (
            id uniqueidentifier '$.id', channel nvarchar(40) '$.channel', recipient nvarchar(780) '$.recipient',
            endpoint nvarchar(400) '$.endpoint') AS new
        WHERE NOT EXISTS (
            SELECT 1
            FROM dbo.deliveries AS there
            WHERE there.order_id = @P2
              AND there.sequence = @P3
              AND there.channel = new.channel COLLATE Latin1_General_100_BIN2
              AND there.recipient = new.recipient COLLATE Latin1_General_100_BIN2);
        IF @P1 = 1
            INSERT INTO @inserted (id)
            SELECT there.id
            FROM dbo.deliveries AS there JOIN OPENJSON(@P6) WITH (id uniqueidentifier '$.id') AS ours ON ours.id = there.id
            WHERE there.id NOT IN (SELECT id FROM @inserted);
    END;
    COMMIT;
    SELECT id FROM @inserted";

/// What the outcome is called as an attempt, what it makes of the delivery, why, when next, and the provider's id.
pub(super) fn words(outcome: &Outcome) -> (&'static str, &'static str, Option<&str>, Option<Timestamp>, Option<&str>) {
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

pub(super) async fn receive(pool: &Pool, receipt: &Receipt) -> Result<Accepted> {
    let new: Vec<_> = receipt
        .deliveries
        .iter()
        .map(|NewDelivery { id, channel, recipient, endpoint }| {
            json!({ "id": id, "channel": channel, "recipient": recipient, "endpoint": endpoint })
        })
        .collect();
    let new = serde_json::Value::from(new).to_string();
    let (order, sequence) = receipt.event;
    let results = pool.write(RECEIVE, &[&order.0, &int(sequence), &receipt.at.millis(), &receipt.lease_until.millis(), &new]).await?;
    let mut inserted = Vec::new();
    for row in results.iter().flatten() {
        match row.try_get(0).map_err(broken)? {
            Some(id) => inserted.push(DeliveryId(id)),
            None => return Ok(Accepted::UnknownEvent),
        }
    }
    let ids = receipt.deliveries.iter().map(|delivery| delivery.id);
    Ok(Accepted::Deliveries(ids.filter(|id| inserted.contains(id)).collect()))
}

/// The delivery's row is locked first, as it is by who claims it. An attempt that was given up as unknown and ended after
/// all is set right. `@P2` to `@P8` are as [`record`] gives them.
macro_rules! attempt_ended {
    () => {
        "
    SET NOCOUNT ON; SET XACT_ABORT ON;
    IF @@TRANCOUNT > 0 ROLLBACK;
    DECLARE @locked uniqueidentifier;
    BEGIN TRANSACTION;
    SELECT @locked = id FROM dbo.deliveries WITH (UPDLOCK, ROWLOCK) WHERE id = @P2;
    UPDATE dbo.delivery_attempts
    SET at = @P4, outcome = @P5, reason = @P6, next_attempt_at = @P7, provider_id = @P8
    WHERE delivery_id = @P2 AND attempt = @P3;
    IF @@ROWCOUNT = 0
        INSERT INTO dbo.delivery_attempts (delivery_id, attempt, at, outcome, reason, next_attempt_at, provider_id)
        VALUES (@P2, @P3, @P4, @P5, @P6, @P7, @P8);"
    };
}
pub(super) use attempt_ended;

/// A delivery whose lease was lost belongs to another attempt; only a success may still settle it.
const RECORD: &str = concat!(
    attempt_ended!(),
    "
    UPDATE dbo.deliveries
    SET state = @P9, next_attempt_at = COALESCE(@P7, @P4), lease_until = NULL
    WHERE id = @P2 AND state IN (N'pending', N'failed') AND (attempts = @P3 OR @P9 = N'succeeded');
    COMMIT"
);

pub(super) async fn record(pool: &Pool, record: &AttemptRecord) -> Result<()> {
    let (outcome, state, reason, next_attempt_at, provider_id) = words(&record.outcome);
    pool.write(
        RECORD,
        &[
            &record.delivery.0,
            &int(record.attempt),
            &record.at.millis(),
            &outcome,
            &reason,
            &next_attempt_at.map(Timestamp::millis),
            &provider_id,
            &state,
        ],
    )
    .await
    .map(drop)
}

/// What is due at an endpoint that is down waits for its next probe, without being claimed; after a long outage it is
/// claimed, so that it can be given up. Where an earlier lease ran out, whoever had it did not say how that attempt ended, or
/// that it was not made; with an endpoint, an attempt whose beginning is not written was never sent.
const CLAIM: &str = "
    SET NOCOUNT ON; SET XACT_ABORT ON;
    IF @@TRANCOUNT > 0 ROLLBACK;
    DECLARE @claimed TABLE (
        id uniqueidentifier NOT NULL, begun int NOT NULL, lost bigint NULL, due bigint NOT NULL, doubt int NULL,
        was_leased bit NOT NULL);
    BEGIN TRANSACTION;
    IF EXISTS (SELECT 1 FROM dbo.circuits WHERE open_until > @P3)
        UPDATE delivery
        SET paused_at = COALESCE(delivery.paused_at, @P3), next_attempt_at = circuit.open_until
        FROM dbo.circuits AS circuit
        JOIN dbo.deliveries AS delivery WITH (READCOMMITTEDLOCK, READPAST, UPDLOCK, ROWLOCK) ON delivery.endpoint = circuit.endpoint
        WHERE circuit.open_until > @P3
          AND circuit.opened_at > @P5
          AND delivery.state = N'pending'
          AND delivery.next_attempt_at <= @P3
          AND delivery.lease_until IS NULL;
    UPDATE delivery
    SET attempts = delivery.attempts + 1, lease_until = @P2, next_attempt_at = @P2, begun_at = NULL, paused_at = NULL,
        doubt = COALESCE(
            delivery.doubt,
            CASE WHEN delivery.lease_until IS NOT NULL AND (delivery.endpoint IS NULL OR delivery.begun_at IS NOT NULL)
                 THEN delivery.attempts END),
        extended_by = delivery.extended_by + CASE WHEN delivery.paused_at < @P3 THEN @P3 - delivery.paused_at ELSE 0 END
    OUTPUT inserted.id, deleted.attempts,
           CASE WHEN deleted.endpoint IS NULL OR deleted.begun_at IS NOT NULL THEN deleted.lease_until END,
           deleted.next_attempt_at, inserted.doubt, CASE WHEN deleted.lease_until IS NULL THEN 0 ELSE 1 END
    INTO @claimed (id, begun, lost, due, doubt, was_leased)
    FROM dbo.deliveries AS delivery WITH (READCOMMITTEDLOCK, READPAST, UPDLOCK, ROWLOCK)
    WHERE delivery.seq IN (
        SELECT TOP (@P4) waiting.seq
        FROM dbo.deliveries AS waiting WITH (READCOMMITTEDLOCK, READPAST, UPDLOCK, ROWLOCK)
        WHERE waiting.state = N'pending' AND waiting.next_attempt_at <= @P3
        ORDER BY waiting.next_attempt_at);
    INSERT INTO dbo.delivery_attempts (delivery_id, attempt, at, outcome, reason)
    SELECT claimed.id, claimed.begun, claimed.lost, N'unknown', N'no outcome was recorded within the lease'
    FROM @claimed AS claimed
    WHERE claimed.lost IS NOT NULL
      AND NOT EXISTS (
          SELECT 1 FROM dbo.delivery_attempts AS ended WHERE ended.delivery_id = claimed.id AND ended.attempt = claimed.begun);
    COMMIT;
    SELECT event.order_id, event.sequence, event.id, event.kind, event.occurred_at, event.traceparent, event.data,
           delivery.id, delivery.channel, delivery.recipient, claimed.begun, delivery.endpoint, claimed.doubt,
           delivery.provider_ref, delivery.extended_by, claimed.was_leased,
           (SELECT MAX(reopened.at)
            FROM dbo.delivery_decisions AS reopened
            WHERE reopened.delivery_id = claimed.id AND reopened.decision = N'reopened') AS reopened_at,
           (SELECT COUNT(*)
            FROM dbo.delivery_attempts AS failed
            WHERE failed.delivery_id = claimed.id AND failed.outcome = N'failed') AS failures
    FROM @claimed AS claimed
    JOIN dbo.deliveries AS delivery ON delivery.id = claimed.id
    JOIN dbo.outbox AS event ON event.order_id = delivery.order_id AND event.sequence = delivery.sequence
    ORDER BY claimed.due";

pub(super) async fn claim(pool: &Pool, limit: u32, now: Timestamp, lease: Duration) -> Result<Vec<Delivery>> {
    let (until, pausing) = (now.plus(lease).millis(), now.minus(retry::LONGEST_PAUSE).millis());
    let results = pool.write(CLAIM, &[&until, &now.millis(), &int(limit), &pausing]).await?;
    let claimed = results.iter().flatten().map(|row| {
        let provider_ref = text_or_none(row, 13)?.map(str::to_owned);
        Ok(Delivery {
            id: DeliveryId(uuid(row, 7)?),
            channel: text(row, 8)?.to_owned(),
            recipient: text(row, 9)?.to_owned(),
            endpoint: text_or_none(row, 11)?.map(str::to_owned),
            attempt: number(row, 10)? + 1,
            doubt: number_or_none(row, 12)?.map(|attempt| Doubt { attempt, provider_ref }),
            reopened_at: moment_or_none(row, 16)?,
            failures: number(row, 17)?,
            extended_by: duration(row, 14)?,
            is_taken_over: row.try_get::<bool, _>(15).map_err(broken)?.unwrap_or_default(),
            received: outbox::event(row)?.with_order().map_err(broken)?,
        })
    });
    Ok(claimed.collect::<std::result::Result<_, Fault>>()?)
}

/// After an earlier try there is nothing left to give back.
const GIVE_BACK: &str = "
    SET NOCOUNT ON;
    IF @@TRANCOUNT > 0 ROLLBACK;
    UPDATE delivery
    SET attempts = delivery.attempts - 1, lease_until = NULL, next_attempt_at = @P3
    FROM OPENJSON(@P2) WITH (id uniqueidentifier '$[0]', attempt int '$[1]', until bigint '$[2]') AS unbegun
    JOIN dbo.deliveries AS delivery WITH (UPDLOCK, ROWLOCK) ON delivery.id = unbegun.id
    WHERE delivery.attempts = unbegun.attempt
      AND delivery.state = N'pending'
      AND delivery.lease_until = unbegun.until
      AND delivery.begun_at IS NULL";

pub(super) async fn give_back(pool: &Pool, leases: &[Lease], at: Timestamp) -> Result<()> {
    let unbegun: Vec<_> = leases.iter().map(|lease| (lease.delivery, lease.attempt, lease.until.millis())).collect();
    pool.write(GIVE_BACK, &[&json!(unbegun).to_string(), &at.millis()]).await.map(drop)
}

/// After an earlier try, the message may be there.
const REJECT: &str = "
    SET NOCOUNT ON;
    IF @@TRANCOUNT > 0 ROLLBACK;
    INSERT INTO dbo.rejected_messages (message_id, body, reason, delivery_count, rejected_at)
    SELECT @P2, @P3, @P4, @P5, @P6
    WHERE @P1 = 0
       OR NOT EXISTS (SELECT 1 FROM dbo.rejected_messages WHERE rejected_at = @P6 AND delivery_count = @P5 AND body = @P3)";

pub(super) async fn reject(pool: &Pool, message: &RejectedMessage) -> Result<()> {
    let (id, body) = (message.message_id.as_deref(), message.body.as_slice());
    let rest = (message.reason.as_str(), int(message.delivery_count), message.at.millis());
    pool.write(REJECT, &[&id, &body, &rest.0, &rest.1, &rest.2]).await.map(drop)
}

pub(super) async fn rejected(pool: &Pool, from: i64, limit: u32) -> Result<Vec<Rejected>> {
    let results = pool
        .read(
            "SELECT TOP (@P2) seq, message_id, body, reason, delivery_count, rejected_at
             FROM dbo.rejected_messages
             WHERE seq >= @P1
             ORDER BY seq",
            &[&from, &int(limit)],
        )
        .await?;
    let rows = results.iter().flatten().map(|row| {
        let message = RejectedMessage {
            message_id: text_or_none(row, 1)?.map(str::to_owned),
            body: bytes(row, 2)?.to_vec(),
            reason: text(row, 3)?.to_owned(),
            delivery_count: number(row, 4)?,
            at: moment(row, 5)?,
        };
        Ok(Rejected { id: row.try_get(0).map_err(broken)?.ok_or_else(|| broken("a row without its number"))?, message })
    });
    Ok(rows.collect::<std::result::Result<_, Fault>>()?)
}

const FORGET_REJECTED: &str = "
    SET NOCOUNT ON;
    IF @@TRANCOUNT > 0 ROLLBACK;
    DELETE FROM dbo.rejected_messages
    WHERE seq IN (SELECT CAST(value AS bigint) FROM OPENJSON(@P2))";

pub(super) async fn forget_rejected(pool: &Pool, ids: &[i64]) -> Result<()> {
    pool.write(FORGET_REJECTED, &[&json!(ids).to_string()]).await.map(drop)
}
