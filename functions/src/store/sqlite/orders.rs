//! Orders and the idempotency records written with them.

use super::{
    super::{Added, Addition, Result, Update},
    bulk::Around,
    connect::{broken, fault, stored, text, uuid},
    outbox,
};
use crate::domain::{
    id::OrderId,
    idempotency::{Fingerprint, IdempotencyKey, NewRecord, Record},
    order::{Document, Order, Stored},
    page::{Cursor, Page, Query, Room},
    status::Status,
    timestamp::Timestamp,
};
use futures_util::TryStreamExt;
use sqlx::{Arguments, AssertSqlSafe, Row, Sqlite, SqliteConnection, error::BoxDynError, sqlite::SqliteArguments};
use std::sync::Arc;

/// Keys are kept by route, so that a key that a client used elsewhere means nothing here.
const ROUTE: &str = "CreateOrder";

pub(super) const INSERT: Around =
    ("INSERT INTO orders (id, version, status, customer_name, customer_email, document) VALUES", "(?, ?, ?, ?, ?, ?)", "");

pub(super) const INSERT_KEY: Around =
    ("INSERT INTO idempotency (route, key, fingerprint, answer, expires_at) VALUES", "('CreateOrder', ?, ?, ?, ?)", "");

pub(super) const FIND_KEYS: Around = ("SELECT key FROM idempotency WHERE route = 'CreateOrder' AND key IN (", "?", ")");

pub(super) fn bind(arguments: &mut SqliteArguments, order: &Order, document: &Document) -> std::result::Result<(), BoxDynError> {
    arguments.add(order.id.0.as_bytes().as_slice())?;
    arguments.add(order.version)?;
    arguments.add(order.status.as_str())?;
    arguments.add(order.customer.name.as_str())?;
    arguments.add(order.customer.email.as_deref())?;
    arguments.add(document.clone())
}

pub(super) fn bind_key(arguments: &mut SqliteArguments, record: &NewRecord, answer: &Document) -> std::result::Result<(), BoxDynError> {
    arguments.add(record.key.as_str())?;
    arguments.add(record.fingerprint.0.as_slice())?;
    arguments.add(answer.clone())?;
    arguments.add(record.expires_at.millis())
}

pub(super) async fn add(connection: &mut SqliteConnection, addition: &Addition, now: Timestamp) -> Result<Added> {
    if let Some(record) = &addition.record {
        if let Some(earlier) = replay(connection, &record.key, now).await? {
            return Ok(Added::Replayed(earlier));
        }
        sqlx::query("DELETE FROM idempotency WHERE route = ? AND key = ?")
            .bind(ROUTE)
            .bind(record.key.as_str())
            .execute(&mut *connection)
            .await
            .map_err(|error| fault(&error))?;
    }
    let mut arguments = SqliteArguments::default();
    bind(&mut arguments, &addition.order, &addition.event.data).map_err(broken)?;
    insert(connection, INSERT, arguments).await?;
    outbox::add(connection, &addition.event, addition.lease_until).await?;
    if let Some(record) = &addition.record {
        let mut arguments = SqliteArguments::default();
        bind_key(&mut arguments, record, &addition.event.data).map_err(broken)?;
        insert(connection, INSERT_KEY, arguments).await?;
    }
    Ok(Added::Stored)
}

/// One row of a statement that is otherwise used in bulk.
pub(super) async fn insert(connection: &mut SqliteConnection, (before, row, behind): Around, arguments: SqliteArguments) -> Result<()> {
    let sql = format!("{before} {row}{behind}");
    sqlx::query_with(AssertSqlSafe(sql), arguments).execute(connection).await.map(drop).map_err(|error| fault(&error))
}

pub(super) async fn replay(connection: &mut SqliteConnection, key: &IdempotencyKey, now: Timestamp) -> Result<Option<Record>> {
    let row = sqlx::query("SELECT fingerprint, answer FROM idempotency WHERE route = ? AND key = ? AND expires_at > ?")
        .bind(ROUTE)
        .bind(key.as_str())
        .bind(now.millis())
        .fetch_optional(connection)
        .await
        .map_err(|error| fault(&error))?;
    let Some(row) = row else { return Ok(None) };
    let fingerprint: &[u8] = row.try_get(0).map_err(|error| fault(&error))?;
    Ok(Some(Record { fingerprint: Fingerprint(fingerprint.try_into().map_err(broken)?), answer: text(&row, 1)?.into() }))
}

pub(super) async fn update(connection: &mut SqliteConnection, update: &Update) -> Result<bool> {
    let order = &update.order;
    let done = sqlx::query(
        "UPDATE orders
         SET version = ?, status = ?, customer_name = ?, customer_email = ?, document = ?
         WHERE id = ? AND version = ?",
    )
    .bind(order.version)
    .bind(order.status.as_str())
    .bind(order.customer.name.as_str())
    .bind(order.customer.email.as_deref())
    .bind(update.document.clone())
    .bind(order.id.0.as_bytes().as_slice())
    .bind(update.from)
    .execute(&mut *connection)
    .await
    .map_err(|error| fault(&error))?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    if let Some(event) = &update.event {
        outbox::add(connection, event, None).await?;
    }
    Ok(true)
}

/// A condition on `orders`, and what stands for its question marks.
type Range<'q> = (&'static str, Option<&'q str>, Option<Status>);

/// A page is the newest rows of a few index ranges, each read backwards and no further than the page is long.
pub(super) async fn list(connection: &mut SqliteConnection, query: &Query) -> Result<Page> {
    let (mut from, to) = query.id_range();
    let mut ranges: Vec<Range<'_>> = Vec::new();
    match (&query.customer, query.status) {
        (None, None) => ranges.push(("", None, None)),
        (None, Some(status)) => ranges.push(("status = ? AND", None, Some(status))),
        (Some(customer), status) => {
            for status in Status::ALL.into_iter().filter(|each| status.is_none_or(|wanted| wanted == *each)) {
                ranges.push(("customer_name = ? AND status = ? AND", Some(customer), Some(status)));
                ranges.push(("customer_email = ? AND status = ? AND", Some(customer), Some(status)));
            }
        }
    }
    // The last order of the page, where there is another page.
    let mut end = None;
    if ranges.len() > 1 {
        // Before the first row of several ranges comes, all are sorted: so only those that the page takes.
        let sizes = text_of(&ranges, "id, octet_length(document)");
        let rows = bound(&sizes, &ranges, (from, to), query.limit).fetch_all(&mut *connection).await.map_err(|error| fault(&error))?;
        let mut room = Room::on_page(query);
        for row in &rows {
            let size: i64 = row.try_get(1).map_err(|error| fault(&error))?;
            if !room.takes(usize::try_from(size).map_err(broken)?) {
                end = Some(from);
                break;
            }
            from = OrderId(uuid(row, 0)?);
        }
    }
    let mut items: Vec<Stored> = Vec::new();
    let documents = text_of(&ranges, "id, version, document");
    let mut rows = bound(&documents, &ranges, (from, to), query.limit).fetch(connection);
    let mut room = Room::on_page(query);
    while let Some(row) = rows.try_next().await.map_err(|error| fault(&error))? {
        let stored = stored(&row)?;
        if !room.takes(stored.document.len()) {
            end = items.last().map(|last: &Stored| last.id);
            break;
        }
        items.push(stored);
    }
    Ok(Page { items, next: end.map(Cursor) })
}

fn text_of(ranges: &[Range<'_>], columns: &str) -> Arc<str> {
    let one = |(condition, ..): &Range<'_>| {
        format!("SELECT * FROM (SELECT {columns} FROM orders WHERE {condition} id >= ? AND id < ? ORDER BY id DESC LIMIT ?)")
    };
    // UNION, not UNION ALL: an order whose name and e-mail are the same text is found twice.
    format!("{} ORDER BY id DESC LIMIT ?", ranges.iter().map(one).collect::<Vec<_>>().join(" UNION ")).into()
}

/// One row more than the page may have tells whether there is another page.
fn bound<'q>(
    text: &Arc<str>,
    ranges: &[Range<'q>],
    (from, to): (OrderId, OrderId),
    limit: u32,
) -> sqlx::query::Query<'q, Sqlite, SqliteArguments> {
    let limit = i64::from(limit) + 1;
    let mut rows = sqlx::query(AssertSqlSafe(Arc::clone(text)));
    for (_, customer, status) in ranges {
        if let Some(customer) = customer {
            rows = rows.bind(*customer);
        }
        if let Some(status) = status {
            rows = rows.bind(status.as_str());
        }
        rows = rows.bind(from.0.as_bytes().to_vec()).bind(to.0.as_bytes().to_vec()).bind(limit);
    }
    rows.bind(limit)
}

pub(super) async fn exists(connection: &mut SqliteConnection, id: OrderId) -> Result<Option<Timestamp>> {
    let row = sqlx::query("SELECT 1 FROM orders WHERE id = ?")
        .bind(id.0.as_bytes().as_slice())
        .fetch_optional(connection)
        .await
        .map_err(|error| fault(&error))?;
    Ok(row.map(|_| id.created_at()))
}
