//! What operators see and decide of deliveries.

use super::{
    super::{
        Result,
        ledger::{Decision, Entry, State, Step, WaitingEvent, Wanted},
    },
    connect::{broken, fault, moment, moment_or_none, number, number_or_none, text, text_or_none, uuid},
    outbox,
};
use crate::domain::{
    event::{EventKind, Received},
    id::{DeliveryId, OrderId},
    timestamp::Timestamp,
};
use sqlx::{QueryBuilder, Sqlite, SqliteConnection, sqlite::SqliteRow};

/// The view `ledger`, with the attempts that were made instead of those that were claimed, and with what was decided last
/// where that came after the last attempt.
macro_rules! shown {
    ($rest:literal) => {
        concat!(
            "SELECT id, order_id, sequence, channel, recipient, state, made, doubt, provider_ref, created_at, next_attempt_at,
                    last_at, reason, provider_id, endpoint
             FROM (
                 SELECT ledger.id, ledger.order_id, ledger.sequence, ledger.channel, ledger.recipient, ledger.state,
                        (SELECT count(*) FROM delivery_attempts WHERE delivery_id = ledger.id) + (ledger.state = 'sending') AS made,
                        ledger.doubt, ledger.provider_ref, ledger.created_at, ledger.next_attempt_at,
                        coalesce(decided.at, ledger.last_at) AS last_at,
                        CASE WHEN decided.id IS NULL THEN ledger.reason ELSE decided.reason END AS reason,
                        ledger.provider_id, ledger.endpoint
                 FROM ledger
                 LEFT JOIN delivery_decisions AS decided
                   ON decided.id = (SELECT max(id) FROM delivery_decisions WHERE delivery_id = ledger.id)
                  AND decided.at >= coalesce(ledger.last_at, decided.at)
                  AND ledger.state <> 'succeeded')
             WHERE ",
            $rest
        )
    };
}

pub(super) async fn deliveries(connection: &mut SqliteConnection, wanted: &Wanted) -> Result<Vec<Entry>> {
    let mut sql = QueryBuilder::<Sqlite>::new(shown!("TRUE"));
    if !wanted.ids.is_empty() {
        sql.push(" AND id IN (");
        let mut ids = sql.separated(", ");
        for id in &wanted.ids {
            ids.push_bind(id.0.as_bytes().to_vec());
        }
        sql.push(")");
    }
    if let Some(order) = wanted.order {
        sql.push(" AND order_id = ").push_bind(order.0.as_bytes().to_vec());
    }
    if let Some(channel) = &wanted.channel {
        sql.push(" AND channel = ").push_bind(channel.as_str());
    }
    if let Some(recipient) = &wanted.recipient {
        sql.push(" AND recipient = ").push_bind(recipient.as_str());
    }
    if !wanted.states.is_empty() {
        sql.push(" AND state IN (");
        let mut states = sql.separated(", ");
        for state in &wanted.states {
            states.push_bind(state.as_str());
        }
        sql.push(")");
    }
    if wanted.in_doubt {
        sql.push(" AND doubt IS NOT NULL");
    }
    if let Some(reason) = &wanted.reason {
        sql.push(" AND instr(lower(reason), lower(").push_bind(reason.as_str()).push(")) > 0");
    }
    sql.push(" ORDER BY id DESC LIMIT ").push_bind(wanted.limit);
    let rows = sql.build().fetch_all(connection).await.map_err(|error| fault(&error))?;
    rows.iter().map(entry).collect()
}

pub(super) async fn unfinished(connection: &mut SqliteConnection, limit: u32) -> Result<Vec<Entry>> {
    let rows = sqlx::query(shown!(
        "id IN (
             SELECT id FROM (SELECT id FROM deliveries WHERE state = 'pending' ORDER BY next_attempt_at LIMIT ?1)
             UNION ALL
             SELECT id FROM (SELECT id FROM deliveries WHERE state = 'failed' ORDER BY id DESC LIMIT ?1))
         ORDER BY id DESC"
    ))
    .bind(limit)
    .fetch_all(connection)
    .await
    .map_err(|error| fault(&error))?;
    rows.iter().map(entry).collect()
}

pub(super) async fn waiting_events(connection: &mut SqliteConnection, limit: u32) -> Result<Vec<WaitingEvent>> {
    let rows = sqlx::query(
        "SELECT order_id, sequence, kind, occurred_at, attempts, next_attempt_at, last_error
         FROM outbox
         WHERE published_at IS NULL
         ORDER BY next_attempt_at
         LIMIT ?",
    )
    .bind(limit)
    .fetch_all(connection)
    .await
    .map_err(|error| fault(&error))?;
    rows.iter()
        .map(|row| {
            Ok(WaitingEvent {
                order_id: OrderId(uuid(row, 0)?),
                sequence: number(row, 1)?,
                kind: EventKind::parse(text(row, 2)?).ok_or_else(|| broken("an event of a kind that is not known"))?,
                occurred_at: moment(row, 3)?,
                attempts: number(row, 4)?,
                next_attempt_at: moment(row, 5)?,
                last_error: text_or_none(row, 6)?.map(str::to_owned),
            })
        })
        .collect()
}

pub(super) async fn events(connection: &mut SqliteConnection, order: OrderId) -> Result<Vec<Received>> {
    let rows = sqlx::query(
        "SELECT order_id, sequence, id, kind, occurred_at, traceparent, data
         FROM outbox
         WHERE order_id = ?
         ORDER BY sequence",
    )
    .bind(order.0.as_bytes().as_slice())
    .fetch_all(connection)
    .await
    .map_err(|error| fault(&error))?;
    rows.iter().map(|row| outbox::event(row)?.with_order().map_err(broken)).collect()
}

fn entry(row: &SqliteRow) -> Result<Entry> {
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
pub(super) async fn steps(connection: &mut SqliteConnection, delivery: DeliveryId) -> Result<Vec<Step>> {
    let rows = sqlx::query(
        "SELECT at, outcome, attempt, reason, next_attempt_at, provider_id, 0 FROM delivery_attempts WHERE delivery_id = ?1
         UNION ALL
         SELECT at, decision, NULL, reason, NULL, NULL, 1 FROM delivery_decisions WHERE delivery_id = ?1
         ORDER BY 1, 7, 3",
    )
    .bind(delivery.0.as_bytes().as_slice())
    .fetch_all(connection)
    .await
    .map_err(|error| fault(&error))?;
    rows.iter()
        .map(|row| {
            Ok(Step {
                at: moment(row, 0)?,
                what: text(row, 1)?.to_owned(),
                attempt: number_or_none(row, 2)?,
                reason: text_or_none(row, 3)?.map(str::to_owned),
                next_attempt_at: moment_or_none(row, 4)?,
                provider_id: text_or_none(row, 5)?.map(str::to_owned),
            })
        })
        .collect()
}

/// A delivery that was reopened has a whole horizon again, whenever its event occurred.
const REOPEN: &str = "UPDATE deliveries
     SET state = 'pending', next_attempt_at = ?2, paused_at = NULL, doubt = NULL, provider_ref = NULL, begun_at = NULL,
         extended_by = 0
     WHERE id = ?1 AND state IN ('pending', 'failed', 'abandoned') AND lease_until IS NULL";
const ABANDON: &str = "UPDATE deliveries
     SET state = 'abandoned', next_attempt_at = ?2, paused_at = NULL
     WHERE id = ?1 AND state = 'pending' AND lease_until IS NULL";
const GIVE_UP: &str = "UPDATE deliveries
     SET state = 'failed', next_attempt_at = ?2, paused_at = NULL, lease_until = NULL
     WHERE id = ?1 AND state = 'pending'";

pub(super) async fn decide(
    connection: &mut SqliteConnection,
    deliveries: &[DeliveryId],
    decision: Decision,
    reason: &str,
    at: Timestamp,
) -> Result<Vec<DeliveryId>> {
    let sql = match decision {
        Decision::Reopened => REOPEN,
        Decision::Abandoned => ABANDON,
        Decision::GivenUp => GIVE_UP,
    };
    let mut decided = Vec::new();
    for id in deliveries {
        let bytes = id.0.as_bytes().as_slice();
        let done = sqlx::query(sql).bind(bytes).bind(at.millis()).execute(&mut *connection).await.map_err(|error| fault(&error))?;
        if done.rows_affected() == 0 {
            continue;
        }
        sqlx::query("INSERT INTO delivery_decisions (delivery_id, at, decision, reason) VALUES (?, ?, ?, ?)")
            .bind(bytes)
            .bind(at.millis())
            .bind(decision.as_str())
            .bind(reason)
            .execute(&mut *connection)
            .await
            .map_err(|error| fault(&error))?;
        if decision == Decision::Reopened {
            // It is tried at once, even while its endpoint is thought to be down.
            sqlx::query(
                "UPDATE circuits
                 SET open_until = ?2
                 WHERE endpoint = (SELECT endpoint FROM deliveries WHERE id = ?1) AND open_until > ?2",
            )
            .bind(bytes)
            .bind(at.millis())
            .execute(&mut *connection)
            .await
            .map_err(|error| fault(&error))?;
        }
        decided.push(*id);
    }
    Ok(decided)
}
