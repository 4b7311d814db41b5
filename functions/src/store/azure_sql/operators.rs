//! What operators see and decide of deliveries.

use super::{
    super::{
        Result,
        ledger::{Decision, Entry, State, Step, WaitingEvent, Wanted},
    },
    connect::{int, moment, moment_or_none, number, number_or_none, text, text_or_none, uuid},
    fault::{Fault, broken},
    outbox,
    pool::Pool,
};
use crate::domain::{
    event::{EventKind, Received},
    id::{DeliveryId, OrderId},
    timestamp::Timestamp,
};
use serde_json::json;
use tiberius::Row;

/// The view `ledger`, with the attempts that were made instead of those that were claimed, and with what was decided last
/// where that came after the last attempt.
macro_rules! shown {
    ($top:literal, $rest:literal) => {
        concat!(
            "SELECT ",
            $top,
            " id, order_id, sequence, channel, recipient, state, made, doubt, provider_ref, created_at, next_attempt_at,
                    last_at, reason, provider_id, endpoint
             FROM (
                 SELECT ledger.seq, ledger.id, ledger.order_id, ledger.sequence, ledger.channel, ledger.recipient, ledger.state,
                        (SELECT COUNT(*) FROM dbo.delivery_attempts AS ended WHERE ended.delivery_id = ledger.id)
                            + CASE WHEN ledger.state = N'sending' THEN 1 ELSE 0 END AS made,
                        ledger.doubt, ledger.provider_ref, ledger.created_at, ledger.next_attempt_at,
                        COALESCE(decided.at, ledger.last_at) AS last_at,
                        CASE WHEN decided.at IS NULL THEN ledger.reason ELSE decided.reason END AS reason,
                        ledger.provider_id, ledger.endpoint
                 FROM dbo.ledger AS ledger
                 OUTER APPLY (
                     SELECT latest.at, latest.reason
                     FROM (SELECT TOP (1) decision.at, decision.reason
                           FROM dbo.delivery_decisions AS decision
                           WHERE decision.delivery_id = ledger.id
                           ORDER BY decision.seq DESC) AS latest
                     WHERE latest.at >= COALESCE(ledger.last_at, latest.at)
                       AND ledger.state <> N'succeeded') AS decided) AS shown
             WHERE ",
            $rest
        )
    };
}

/// Compiled anew each time, for the conditions that are given.
const DELIVERIES: &str = shown!(
    "TOP (@P6)",
    "(@P1 IS NULL OR id IN (SELECT named.id FROM OPENJSON(@P1) WITH (id uniqueidentifier '$') AS named))
      AND (@P2 IS NULL OR order_id = @P2)
      AND (@P3 IS NULL OR channel = @P3)
      AND (@P4 IS NULL OR state IN (SELECT named.state COLLATE Latin1_General_100_BIN2 FROM OPENJSON(@P4) WITH (state nvarchar(20) '$') AS named))
      AND (@P5 IS NULL OR CHARINDEX(LOWER(@P5), LOWER(reason)) > 0)
      AND (@P7 IS NULL OR recipient = @P7)
      AND (@P8 = 0 OR doubt IS NOT NULL)
    ORDER BY seq DESC
    OPTION (RECOMPILE)"
);

pub(super) async fn deliveries(pool: &Pool, wanted: &Wanted) -> Result<Vec<Entry>> {
    let ids = (!wanted.ids.is_empty()).then(|| json!(wanted.ids).to_string());
    let order = wanted.order.map(|order| order.0);
    let states: Vec<_> = wanted.states.iter().map(|state| state.as_str()).collect();
    let states = (!states.is_empty()).then(|| json!(states).to_string());
    let (channel, recipient, reason) = (wanted.channel.as_deref(), wanted.recipient.as_deref(), wanted.reason.as_deref());
    let (limit, in_doubt) = (int(wanted.limit), i32::from(wanted.in_doubt));
    let results = pool.read(DELIVERIES, &[&ids, &order, &channel, &states, &reason, &limit, &recipient, &in_doubt]).await?;
    Ok(results.iter().flatten().map(entry).collect::<std::result::Result<_, Fault>>()?)
}

pub(super) async fn unfinished(pool: &Pool, limit: u32) -> Result<Vec<Entry>> {
    let sql = shown!(
        "",
        "id IN (
             SELECT id
             FROM (SELECT TOP (@P1) id FROM dbo.deliveries WHERE state = N'pending' ORDER BY next_attempt_at) AS waiting
             UNION ALL
             SELECT id
             FROM (SELECT TOP (@P1) id FROM dbo.deliveries WHERE state = N'failed' ORDER BY seq DESC) AS failed)
         ORDER BY seq DESC"
    );
    let results = pool.read(sql, &[&int(limit)]).await?;
    Ok(results.iter().flatten().map(entry).collect::<std::result::Result<_, Fault>>()?)
}

pub(super) async fn waiting_events(pool: &Pool, limit: u32) -> Result<Vec<WaitingEvent>> {
    let sql = "SELECT TOP (@P1) order_id, sequence, kind, occurred_at, attempts, next_attempt_at, last_error
               FROM dbo.outbox
               WHERE published_at IS NULL
               ORDER BY next_attempt_at";
    let results = pool.read(sql, &[&int(limit)]).await?;
    let rows = results.iter().flatten().map(|row| {
        Ok(WaitingEvent {
            order_id: OrderId(uuid(row, 0)?),
            sequence: number(row, 1)?,
            kind: EventKind::parse(text(row, 2)?).ok_or_else(|| broken("an event of a kind that is not known"))?,
            occurred_at: moment(row, 3)?,
            attempts: number(row, 4)?,
            next_attempt_at: moment(row, 5)?,
            last_error: text_or_none(row, 6)?.map(str::to_owned),
        })
    });
    Ok(rows.collect::<std::result::Result<_, Fault>>()?)
}

pub(super) async fn events(pool: &Pool, order: OrderId) -> Result<Vec<Received>> {
    let sql = "SELECT order_id, sequence, id, kind, occurred_at, traceparent, data
               FROM dbo.outbox
               WHERE order_id = @P1
               ORDER BY sequence";
    let results = pool.read(sql, &[&order.0]).await?;
    let rows = results.iter().flatten().map(|row| outbox::event(row)?.with_order().map_err(broken));
    Ok(rows.collect::<std::result::Result<_, Fault>>()?)
}

fn entry(row: &Row) -> std::result::Result<Entry, Fault> {
    Ok(Entry {
        id: DeliveryId(uuid(row, 0)?),
        order_id: OrderId(uuid(row, 1)?),
        version: number(row, 2)?,
        channel: text(row, 3)?.to_owned(),
        recipient: text(row, 4)?.to_owned(),
        endpoint: text_or_none(row, 14)?.map(str::to_owned),
        state: State::parse(text(row, 5)?).ok_or_else(|| broken("a delivery in a state that is not known"))?,
        attempts: number(row, 6)?,
        doubt: number_or_none(row, 7)?,
        provider_ref: text_or_none(row, 8)?.map(str::to_owned),
        created_at: moment(row, 9)?,
        next_attempt_at: moment(row, 10)?,
        last_at: moment_or_none(row, 11)?,
        reason: text_or_none(row, 12)?.map(str::to_owned),
        provider_id: text_or_none(row, 13)?.map(str::to_owned),
    })
}

/// Of one moment, a decision comes after the attempt that it is about.
pub(super) async fn steps(pool: &Pool, delivery: DeliveryId) -> Result<Vec<Step>> {
    let sql = "SELECT at, outcome, attempt, reason, next_attempt_at, provider_id, 0
               FROM dbo.delivery_attempts
               WHERE delivery_id = @P1
               UNION ALL
               SELECT at, decision, NULL, reason, NULL, NULL, 1
               FROM dbo.delivery_decisions
               WHERE delivery_id = @P1
               ORDER BY 1, 7, 3";
    let results = pool.read(sql, &[&delivery.0]).await?;
    let rows = results.iter().flatten().map(|row| {
        Ok(Step {
            at: moment(row, 0)?,
            what: text(row, 1)?.to_owned(),
            attempt: number_or_none(row, 2)?,
            reason: text_or_none(row, 3)?.map(str::to_owned),
            next_attempt_at: moment_or_none(row, 4)?,
            provider_id: text_or_none(row, 5)?.map(str::to_owned),
        })
    });
    Ok(rows.collect::<std::result::Result<_, Fault>>()?)
}

/// A delivery that was reopened has a whole horizon again, whenever its event occurred, and is tried at once, even while its
/// endpoint is thought to be down. After an earlier try, those that
/// bear this very decision were decided by it.
const DECIDE: &str = "
    SET NOCOUNT ON; SET XACT_ABORT ON;
    IF @@TRANCOUNT > 0 ROLLBACK;
    DECLARE @decided TABLE (id uniqueidentifier NOT NULL);
    BEGIN TRANSACTION;
    UPDATE delivery
    SET state = CASE @P3 WHEN N'reopened' THEN N'pending' WHEN N'abandoned' THEN N'abandoned' ELSE N'failed' END,
        next_attempt_at = @P5,
        paused_at = NULL,
        lease_until = NULL,
        doubt = CASE WHEN @P3 = N'reopened' THEN NULL ELSE delivery.doubt END,
        provider_ref = CASE WHEN @P3 = N'reopened' THEN NULL ELSE delivery.provider_ref END,
        begun_at = CASE WHEN @P3 = N'reopened' THEN NULL ELSE delivery.begun_at END,
        extended_by = CASE WHEN @P3 = N'reopened' THEN 0 ELSE delivery.extended_by END
    OUTPUT inserted.id INTO @decided (id)
    FROM dbo.deliveries AS delivery
    JOIN OPENJSON(@P2) WITH (id uniqueidentifier '$') AS named ON named.id = delivery.id
    WHERE (@P3 = N'given-up' AND delivery.state = N'pending')
       OR (@P3 = N'abandoned' AND delivery.state = N'pending' AND delivery.lease_until IS NULL)
       OR (@P3 = N'reopened' AND delivery.state IN (N'pending', N'failed', N'abandoned') AND delivery.lease_until IS NULL
           AND NOT EXISTS (
               SELECT 1
               FROM dbo.delivery_decisions AS earlier
               WHERE @P1 = 1 AND earlier.delivery_id = delivery.id AND earlier.at = @P5 AND earlier.decision = @P3));
    INSERT INTO dbo.delivery_decisions (delivery_id, at, decision, reason)
    SELECT id, @P5, @P3, @P4 FROM @decided;
    IF @P3 = N'reopened'
        UPDATE dbo.circuits
        SET open_until = @P5
        WHERE open_until > @P5
          AND endpoint IN (SELECT delivery.endpoint FROM dbo.deliveries AS delivery JOIN @decided AS decided ON decided.id = delivery.id);
    COMMIT;
    SELECT id FROM @decided
    UNION
    SELECT earlier.delivery_id
    FROM dbo.delivery_decisions AS earlier
    JOIN OPENJSON(@P2) WITH (id uniqueidentifier '$') AS named ON named.id = earlier.delivery_id
    WHERE @P1 = 1 AND earlier.at = @P5 AND earlier.decision = @P3";

pub(super) async fn decide(
    pool: &Pool,
    deliveries: &[DeliveryId],
    decision: Decision,
    reason: &str,
    at: Timestamp,
) -> Result<Vec<DeliveryId>> {
    let named = json!(deliveries).to_string();
    let results = pool.write(DECIDE, &[&named, &decision.as_str(), &reason, &at.millis()]).await?;
    let decided = results.iter().flatten().map(|row| Ok(DeliveryId(uuid(row, 0)?)));
    let decided = decided.collect::<std::result::Result<Vec<_>, Fault>>()?;
    Ok(deliveries.iter().copied().filter(|id| decided.contains(id)).collect())
}
