//! Orders and the idempotency records written with them.

use super::{
    super::{Added, Addition, Result, Update},
    connect::{Results, bytes, int, number, stored, text},
    fault::{Fault, broken},
    pool::Pool,
};
use crate::domain::{
    id::OrderId,
    idempotency::{Fingerprint, IdempotencyKey, Record},
    order::Stored,
    page::{Cursor, Page, Query, Room},
    status::Status,
    timestamp::Timestamp,
};
use tiberius::{Row, ToSql};

/// Order, event and record. What is there already refuses them by its key: an earlier try's order is this order, an
/// earlier request's record is the answer, and anything else is an error.
const ADD: &str = "
    SET NOCOUNT ON; SET XACT_ABORT ON;
    IF @@TRANCOUNT > 0 ROLLBACK;
    BEGIN TRY
        BEGIN TRANSACTION;
        IF @P13 IS NOT NULL
        BEGIN
            DELETE FROM dbo.idempotency WHERE route = N'CreateOrder' AND [key] = @P13 AND expires_at <= @P16;
            INSERT INTO dbo.idempotency (route, [key], fingerprint, answer, expires_at)
            VALUES (N'CreateOrder', @P13, @P14, @P8, @P15);
        END;
        INSERT INTO dbo.orders (id, id_bytes, version, status, customer_name, customer_email, document)
        VALUES (@P2, @P3, @P4, @P5, @P6, @P7, @P8);
        INSERT INTO dbo.outbox
            (order_id, sequence, id, kind, occurred_at, traceparent, data, attempts, next_attempt_at, lease_until)
        VALUES (@P2, @P4, @P9, @P10, @P11, @P12, @P8, CASE WHEN @P17 IS NULL THEN 0 ELSE 1 END, COALESCE(@P17, @P11), @P17);
        COMMIT;
        SELECT CAST(NULL AS varbinary(32)) AS fingerprint, CAST(NULL AS nvarchar(max)) AS answer;
    END TRY
    BEGIN CATCH
        IF @@TRANCOUNT > 0 ROLLBACK;
        IF ERROR_NUMBER() NOT IN (2601, 2627) THROW;
        IF @P1 = 1 AND EXISTS (SELECT 1 FROM dbo.outbox WHERE order_id = @P2 AND sequence = @P4 AND id = @P9)
            SELECT CAST(NULL AS varbinary(32)) AS fingerprint, CAST(NULL AS nvarchar(max)) AS answer;
        ELSE IF EXISTS (SELECT 1 FROM dbo.idempotency WHERE route = N'CreateOrder' AND [key] = @P13 AND expires_at > @P16)
            SELECT CAST(fingerprint AS varbinary(32)) AS fingerprint, answer
            FROM dbo.idempotency
            WHERE route = N'CreateOrder' AND [key] = @P13;
        ELSE
            THROW;
    END CATCH";

pub(super) async fn add(pool: &Pool, addition: &Addition, now: Timestamp) -> Result<Added> {
    let (order, event, record) = (&addition.order, &addition.event, addition.record.as_ref());
    let trace = event.trace.map(|trace| trace.to_string());
    let results = pool
        .write(
            ADD,
            &[
                &order.id.0,
                &order.id.0.as_bytes().as_slice(),
                &int(order.version),
                &order.status.as_str(),
                &order.customer.name.as_str(),
                &order.customer.email.as_deref(),
                &event.data.as_ref(),
                &event.id.0,
                &event.kind.as_str(),
                &event.occurred_at.millis(),
                &trace.as_deref(),
                &record.map(|record| record.key.as_str().as_bytes()),
                &record.map(|record| record.fingerprint.0.as_slice()),
                &record.map(|record| record.expires_at.millis()),
                &now.millis(),
                &addition.lease_until.map(Timestamp::millis),
            ],
        )
        .await?;
    let earlier = first(&results).map(found).transpose()?.flatten();
    Ok(earlier.map_or(Added::Stored, Added::Replayed))
}

fn first(results: &Results) -> Option<&Row> {
    results.iter().flatten().next()
}

/// A row of `fingerprint, answer`; both are null when there is no record.
fn found(row: &Row) -> std::result::Result<Option<Record>, Fault> {
    if row.try_get::<&[u8], _>(0).map_err(broken)?.is_none() {
        return Ok(None);
    }
    Ok(Some(Record { fingerprint: Fingerprint(bytes(row, 0)?.try_into().map_err(broken)?), answer: text(row, 1)?.into() }))
}

pub(super) async fn replay(pool: &Pool, key: &IdempotencyKey, now: Timestamp) -> Result<Option<Record>> {
    let results = pool
        .read(
            "SELECT CAST(fingerprint AS varbinary(32)), answer
             FROM dbo.idempotency
             WHERE route = N'CreateOrder' AND [key] = @P1 AND expires_at > @P2",
            &[&key.as_str().as_bytes(), &now.millis()],
        )
        .await?;
    Ok(first(&results).map(found).transpose()?.flatten())
}

pub(super) async fn one(pool: &Pool, id: OrderId) -> Result<Option<Stored>> {
    let results = pool.read("SELECT id, version, document FROM dbo.orders WHERE id = @P1", &[&id.0]).await?;
    Ok(first(&results).map(stored).transpose()?)
}

/// An update that an earlier try made is known by its event, or by its document where it has none.
const UPDATE: &str = "
    SET NOCOUNT ON; SET XACT_ABORT ON;
    IF @@TRANCOUNT > 0 ROLLBACK;
    DECLARE @updated int;
    BEGIN TRANSACTION;
    UPDATE dbo.orders
    SET version = @P4, status = @P5, customer_name = @P6, customer_email = @P7, document = @P8
    WHERE id = @P2 AND version = @P3;
    SET @updated = @@ROWCOUNT;
    IF @updated = 1 AND @P9 IS NOT NULL
        INSERT INTO dbo.outbox (order_id, sequence, id, kind, occurred_at, traceparent, data, next_attempt_at)
        VALUES (@P2, @P4, @P9, @P10, @P11, @P12, @P8, @P11);
    COMMIT;
    IF @updated = 0 AND @P1 = 1
       AND (EXISTS (SELECT 1 FROM dbo.outbox WHERE order_id = @P2 AND sequence = @P4 AND id = @P9)
            OR (@P9 IS NULL AND EXISTS (
                SELECT 1
                FROM dbo.orders
                WHERE id = @P2 AND version = @P4 AND document = @P8 COLLATE Latin1_General_100_BIN2)))
        SET @updated = 1;
    SELECT @updated AS updated";

pub(super) async fn update(pool: &Pool, update: &Update) -> Result<bool> {
    let (order, event) = (&update.order, update.event.as_ref());
    let trace = event.and_then(|event| event.trace).map(|trace| trace.to_string());
    let results = pool
        .write(
            UPDATE,
            &[
                &order.id.0,
                &int(update.from),
                &int(order.version),
                &order.status.as_str(),
                &order.customer.name.as_str(),
                &order.customer.email.as_deref(),
                &update.document.as_ref(),
                &event.map(|event| event.id.0),
                &event.map(|event| event.kind.as_str()),
                &event.map(|event| event.occurred_at.millis()),
                &trace.as_deref(),
            ],
        )
        .await?;
    let row = first(&results).ok_or_else(|| broken("an update said nothing"))?;
    Ok(number(row, 0)? > 0)
}

/// A page is the newest rows of a few index ranges, each read backwards and no further than the page is long.
pub(super) async fn list(pool: &Pool, query: &Query) -> Result<Page> {
    let (from, to) = query.id_range();
    let (from, to) = (from.0.as_bytes().as_slice(), to.0.as_bytes().as_slice());
    let limit = i64::from(query.limit) + 1;
    let mut parameters: Vec<&dyn ToSql> = vec![&from, &to, &limit];
    let status = query.status.map(Status::as_str);
    if let Some(customer) = &query.customer {
        parameters.push(customer);
    } else if let Some(status) = &status {
        parameters.push(status);
    }
    let results = pool.read(&list_sql(query.customer.is_some(), query.status), &parameters).await?;
    let mut items: Vec<Stored> = results.iter().flatten().map(stored).collect::<std::result::Result<_, Fault>>()?;
    let mut room = Room::on_page(query);
    let end = items.iter().position(|stored| !room.takes(stored.document.len()));
    let more = end.is_some();
    items.truncate(end.unwrap_or(items.len()));
    let next = if more { items.last().map(|last: &Stored| Cursor(last.id)) } else { None };
    Ok(Page { items, next })
}

/// `@P1` and `@P2` bound the ids, `@P3` the rows; `@P4` is the customer, or else the status. A customer's status stands in
/// the text, which there are few of. Its length is compared too: without, spaces at the end of a name would not count.
fn list_sql(customer: bool, status: Option<Status>) -> String {
    let range = |condition: &str| {
        format!("SELECT TOP (@P3) seq, id_bytes FROM dbo.orders WHERE {condition}id_bytes >= @P1 AND id_bytes < @P2 ORDER BY id_bytes DESC")
    };
    let ranges: Vec<String> = match (customer, status) {
        (false, None) => vec![range("")],
        (false, Some(_)) => vec![range("status = @P4 AND ")],
        (true, status) => Status::ALL
            .into_iter()
            .filter(|each| status.is_none_or(|wanted| wanted == *each))
            .flat_map(|each| {
                ["customer_name", "customer_email"]
                    .map(|who| range(&format!("{who} = @P4 AND DATALENGTH({who}) = DATALENGTH(@P4) AND status = N'{each}' AND ")))
            })
            .collect(),
    };
    let parts: Vec<String> =
        ranges.iter().enumerate().map(|(number, range)| format!("SELECT seq FROM ({range}) AS range_{number}")).collect();
    // An order whose name and e-mail are the same text is in two ranges, and yet once in the set.
    format!("SELECT TOP (@P3) id, version, document FROM dbo.orders WHERE seq IN ({}) ORDER BY id_bytes DESC", parts.join(" UNION ALL "))
}
