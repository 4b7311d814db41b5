//! Events on their way out, and whether somebody received them.

use super::{
    super::{EventKey, Leased, Result},
    connect::{int, moment, moment_or_none, number, text, text_or_none, uuid},
    fault::{Fault, broken},
    pool::Pool,
};
use crate::domain::{
    event::{Event, EventKind, Received},
    id::{EventId, OrderId},
    timestamp::Timestamp,
    trace::Trace,
};
use serde_json::json;
use std::time::Duration;
use tiberius::Row;

/// Rows that another process is claiming are passed by. `READPAST` needs the locking form of `READ COMMITTED`, which
/// `READ_COMMITTED_SNAPSHOT` would replace. An earlier event is waited for: passed by, its successor could overtake it.
const CLAIM: &str = "
    SET NOCOUNT ON;
    IF @@TRANCOUNT > 0 ROLLBACK;
    UPDATE event
    SET attempts = event.attempts + 1, lease_until = @P2, next_attempt_at = @P2,
        last_error = CASE WHEN event.lease_until IS NULL THEN event.last_error ELSE N'its lease ended before it was published' END
    OUTPUT inserted.order_id, inserted.sequence, inserted.id, inserted.kind, inserted.occurred_at, inserted.traceparent,
           inserted.data, inserted.attempts, deleted.next_attempt_at, deleted.lease_until
    FROM dbo.outbox AS event WITH (READCOMMITTEDLOCK, READPAST, UPDLOCK, ROWLOCK)
    WHERE event.seq IN (
        SELECT TOP (@P4) due.seq
        FROM dbo.outbox AS due WITH (READCOMMITTEDLOCK, READPAST, UPDLOCK, ROWLOCK)
        WHERE due.published_at IS NULL
          AND due.next_attempt_at <= @P3
          AND NOT EXISTS (
              SELECT 1
              FROM dbo.outbox AS earlier WITH (READCOMMITTEDLOCK)
              WHERE earlier.order_id = due.order_id
                AND earlier.sequence < due.sequence
                AND earlier.published_at IS NULL)
        ORDER BY due.next_attempt_at)";

pub(super) async fn claim(pool: &Pool, limit: u32, now: Timestamp, lease: Duration) -> Result<Vec<Leased>> {
    let results = pool.write(CLAIM, &[&now.plus(lease).millis(), &now.millis(), &int(limit)]).await?;
    let leased = results.iter().flatten().map(|row| {
        let is_taken_over = moment_or_none(row, 9)?.is_some();
        Ok((moment(row, 8)?, Leased { event: event(row)?, attempt: number(row, 7)?, is_taken_over }))
    });
    let mut leased = leased.collect::<std::result::Result<Vec<_>, Fault>>()?;
    leased.sort_by_key(|(due, _)| *due);
    Ok(leased.into_iter().map(|(_, leased)| leased).collect())
}

/// A row of `order_id, sequence, id, kind, occurred_at, traceparent, data`.
pub(super) fn event(row: &Row) -> std::result::Result<Event, Fault> {
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

const MARK_PUBLISHED: &str = "
    SET NOCOUNT ON;
    IF @@TRANCOUNT > 0 ROLLBACK;
    UPDATE event
    SET published_at = @P2, lease_until = NULL, last_error = NULL
    FROM dbo.outbox AS event
    JOIN OPENJSON(@P3) WITH (order_id uniqueidentifier '$.order', sequence int '$.sequence') AS named
      ON named.order_id = event.order_id AND named.sequence = event.sequence
    WHERE event.published_at IS NULL";

pub(super) async fn mark_published(pool: &Pool, events: &[EventKey], at: Timestamp) -> Result<()> {
    let named: Vec<_> = events.iter().map(|(order, sequence)| json!({ "order": order, "sequence": sequence })).collect();
    let named = serde_json::Value::from(named).to_string();
    pool.write(MARK_PUBLISHED, &[&at.millis(), &named]).await.map(drop)
}

const POSTPONE: &str = "
    SET NOCOUNT ON;
    IF @@TRANCOUNT > 0 ROLLBACK;
    UPDATE dbo.outbox
    SET next_attempt_at = @P2, lease_until = NULL, last_error = @P3
    WHERE order_id = @P4 AND sequence = @P5 AND published_at IS NULL";

pub(super) async fn postpone(pool: &Pool, event: EventKey, reason: &str, next_attempt_at: Timestamp) -> Result<()> {
    pool.write(POSTPONE, &[&next_attempt_at.millis(), &reason, &event.0.0, &int(event.1)]).await.map(drop)
}

pub(super) async fn unreceived(pool: &Pool, before: Timestamp, limit: u32) -> Result<Vec<Received>> {
    let results = pool
        .read(
            "SELECT TOP (@P2) order_id, sequence, id, kind, occurred_at, traceparent, data
             FROM dbo.outbox
             WHERE published_at IS NOT NULL AND received_at IS NULL AND published_at < @P1
             ORDER BY published_at",
            &[&before.millis(), &int(limit)],
        )
        .await?;
    let received = results.iter().flatten().map(|row| event(row)?.with_order().map_err(broken));
    Ok(received.collect::<std::result::Result<_, Fault>>()?)
}
