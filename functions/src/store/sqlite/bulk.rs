//! Many writes of one kind as one statement: a round trip to SQLite's thread costs more than a row.

use super::{
    super::{Accepted, Added, Result},
    connect::{broken, fault, uuid},
    deliveries,
    job::Job,
    orders, outbox,
};
use crate::domain::id::DeliveryId;
use sqlx::{
    Arguments as _, AssertSqlSafe, SqliteConnection,
    sqlite::{SqliteArguments, SqliteRow},
};
use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

/// Rows a statement takes; each size has a text of its own in the statement cache.
pub(super) const ROWS: usize = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Keys,
    Add,
    AddWithKey,
    Receive,
    Deliver,
    Record,
    Publish,
}

impl Kind {
    /// The statements of this kind for `rows` rows.
    fn sql(self, rows: usize) -> String {
        let orders = || repeat(orders::INSERT, rows);
        let events = || repeat(outbox::INSERT, rows);
        match self {
            Self::Keys => repeat(orders::FIND_KEYS, rows),
            Self::Add => format!("{}; {}", orders(), events()),
            Self::AddWithKey => format!("{}; {}; {}", orders(), events(), repeat(orders::INSERT_KEY, rows)),
            Self::Receive => repeat(outbox::MARK_RECEIVED, rows),
            Self::Publish => repeat(outbox::MARK_PUBLISHED, rows),
            Self::Deliver => repeat(deliveries::INSERT, rows),
            Self::Record => format!("{}; {}", repeat(deliveries::INSERT_ATTEMPT, rows), repeat(deliveries::SETTLE, rows)),
        }
    }
}

/// A statement around a list of rows: what stands before, each row, what stands behind.
pub(super) type Around = (&'static str, &'static str, &'static str);

/// A refused row rolls the whole transaction back, which we would do anyway: so told, SQLite keeps no journal of the
/// statement, and need not remember each page that it touches.
fn repeat((before, row, behind): Around, rows: usize) -> String {
    let before = before.replacen("INSERT INTO", "INSERT OR ROLLBACK INTO", 1).replacen("UPDATE ", "UPDATE OR ROLLBACK ", 1);
    format!("{before} {}{behind}", vec![row; rows].join(", "))
}

/// One statement text for each kind and size, made once. It may open and close the transaction as well.
pub(super) fn text(kind: Kind, rows: usize, begin: bool, commit: bool) -> Arc<str> {
    type Texts = HashMap<(Kind, usize, bool, bool), Arc<str>>;
    static TEXTS: LazyLock<Mutex<Texts>> = LazyLock::new(Mutex::default);
    let mut texts = TEXTS.lock().unwrap_or_else(PoisonError::into_inner);
    let made = texts.entry((kind, rows, begin, commit)).or_insert_with(|| {
        let mut sql = String::new();
        if begin {
            sql.push_str("BEGIN IMMEDIATE; ");
        }
        sql.push_str(&kind.sql(rows));
        if commit {
            sql.push_str("; COMMIT");
        }
        sql.into()
    });
    Arc::clone(made)
}

/// Which of the waiting writes can be done together.
pub(super) struct Batch {
    add: Vec<usize>,
    add_with_key: Vec<usize>,
    receive: Vec<usize>,
    record: Vec<usize>,
    alone: Vec<usize>,
    begun: bool,
}

impl Batch {
    pub(super) fn of(jobs: &[Job]) -> Self {
        let mut batch = Self { add: vec![], add_with_key: vec![], receive: vec![], record: vec![], alone: vec![], begun: false };
        let mut keys = HashSet::new();
        let mut events = HashSet::new();
        let mut attempts = HashSet::new();
        for (index, job) in jobs.iter().enumerate() {
            let place = match job {
                Job::Add(task) => match &task.input.0.record {
                    None => &mut batch.add,
                    Some(record) if keys.insert(record.key.as_str()) => &mut batch.add_with_key,
                    Some(_) => &mut batch.alone,
                },
                Job::Receive(task) if events.insert(task.input.event) => &mut batch.receive,
                Job::Record(task) if attempts.insert(task.input.delivery) => &mut batch.record,
                Job::Receive(_) | Job::Record(_) | Job::Other(_) => &mut batch.alone,
            };
            place.push(index);
        }
        batch
    }

    /// Does all of them in one transaction, or leaves it open and broken for the caller to roll back.
    pub(super) async fn apply(&mut self, connection: &mut SqliteConnection, jobs: &mut [Job]) -> Result<()> {
        self.set_known_keys_apart(connection, jobs).await?;
        let mut chunks: Vec<(Kind, Vec<usize>)> = Vec::new();
        for (kind, members) in
            [(Kind::Add, &self.add), (Kind::AddWithKey, &self.add_with_key), (Kind::Receive, &self.receive), (Kind::Record, &self.record)]
        {
            chunks.extend(members.chunks(ROWS).map(|chunk| (kind, chunk.to_vec())));
        }
        let last = chunks.len().wrapping_sub(1);
        for (number, (kind, members)) in chunks.iter().enumerate() {
            let commit = number == last && self.alone.is_empty();
            self.apply_chunk(connection, jobs, *kind, members, commit).await?;
        }
        if self.alone.is_empty() {
            return Ok(());
        }
        if !self.begun {
            sqlx::query("BEGIN IMMEDIATE").execute(&mut *connection).await.map_err(|error| fault(&error))?;
        }
        for index in &self.alone {
            jobs[*index].apply(connection).await?;
        }
        sqlx::query("COMMIT").execute(connection).await.map(drop).map_err(|error| fault(&error))
    }

    /// A key that is in the table already is a replay, or an expired one: both are looked at one by one.
    async fn set_known_keys_apart(&mut self, connection: &mut SqliteConnection, jobs: &[Job]) -> Result<()> {
        let mut known: HashSet<String> = HashSet::new();
        for chunk in self.add_with_key.chunks(ROWS) {
            let mut arguments = SqliteArguments::default();
            for key in chunk.iter().filter_map(|index| key_of(&jobs[*index])) {
                arguments.add(key).map_err(broken)?;
            }
            let sql = text(Kind::Keys, chunk.len(), !self.begun, false);
            self.begun = true;
            for row in fetch(connection, sql, arguments).await? {
                known.insert(super::connect::text(&row, 0)?.to_owned());
            }
        }
        let (apart, fresh) = self.add_with_key.iter().partition(|index| key_of(&jobs[**index]).is_some_and(|key| known.contains(key)));
        self.add_with_key = fresh;
        self.alone.extend::<Vec<usize>>(apart);
        Ok(())
    }

    async fn apply_chunk(
        &mut self,
        connection: &mut SqliteConnection,
        jobs: &mut [Job],
        kind: Kind,
        members: &[usize],
        commit: bool,
    ) -> Result<()> {
        let begin = !self.begun;
        self.begun = true;
        let mut arguments = SqliteArguments::default();
        match kind {
            Kind::Keys | Kind::Deliver | Kind::Publish => return Err(broken("not a kind of write")),
            Kind::Add | Kind::AddWithKey => bind_additions(&mut arguments, jobs, members).map_err(broken)?,
            Kind::Receive => return receive(connection, jobs, members, (begin, commit)).await,
            Kind::Record => bind_records(&mut arguments, jobs, members).map_err(broken)?,
        }
        fetch(connection, text(kind, members.len(), begin, commit), arguments).await?;
        for index in members {
            match &mut jobs[*index] {
                Job::Add(task) => task.output = Some(Ok(Added::Stored)),
                Job::Record(task) => task.output = Some(Ok(())),
                Job::Receive(_) | Job::Other(_) => {}
            }
        }
        Ok(())
    }
}

fn key_of(job: &Job) -> Option<&str> {
    match job {
        Job::Add(task) => task.input.0.record.as_ref().map(|record| record.key.as_str()),
        _ => None,
    }
}

pub(super) async fn fetch(connection: &mut SqliteConnection, sql: Arc<str>, arguments: SqliteArguments) -> Result<Vec<SqliteRow>> {
    sqlx::query_with(AssertSqlSafe(sql), arguments).fetch_all(connection).await.map_err(|error| fault(&error))
}

type Bound = std::result::Result<(), sqlx::error::BoxDynError>;

fn bind_additions(arguments: &mut SqliteArguments, jobs: &[Job], members: &[usize]) -> Bound {
    let additions = || members.iter().filter_map(|index| if let Job::Add(task) = &jobs[*index] { Some(&task.input.0) } else { None });
    for addition in additions() {
        orders::bind(arguments, &addition.order, &addition.event.data)?;
    }
    for addition in additions() {
        outbox::bind(arguments, &addition.event, addition.lease_until)?;
    }
    for addition in additions() {
        if let Some(record) = &addition.record {
            orders::bind_key(arguments, record, &addition.event.data)?;
        }
    }
    Ok(())
}

fn bind_records(arguments: &mut SqliteArguments, jobs: &[Job], members: &[usize]) -> Bound {
    let records = || members.iter().filter_map(|index| if let Job::Record(task) = &jobs[*index] { Some(&task.input) } else { None });
    for record in records() {
        deliveries::bind_attempt(arguments, record)?;
    }
    for record in records() {
        deliveries::bind_settlement(arguments, record)?;
    }
    Ok(())
}

async fn receive(connection: &mut SqliteConnection, jobs: &mut [Job], members: &[usize], (begin, commit): (bool, bool)) -> Result<()> {
    let receipts: Vec<_> =
        members.iter().filter_map(|index| if let Job::Receive(task) = &jobs[*index] { Some(&task.input) } else { None }).collect();
    let mut arguments = SqliteArguments::default();
    outbox::bind_received(&mut arguments, &receipts).map_err(broken)?;
    let count: usize = receipts.iter().map(|receipt| receipt.deliveries.len()).sum();
    fetch(connection, text(Kind::Receive, members.len(), begin, commit && count == 0), arguments).await?;
    let rows: Vec<_> = receipts.iter().flat_map(|receipt| receipt.deliveries.iter().map(move |delivery| (*receipt, delivery))).collect();
    let mut inserted = HashSet::new();
    for (number, chunk) in rows.chunks(ROWS).enumerate() {
        let mut arguments = SqliteArguments::default();
        for (receipt, delivery) in chunk {
            deliveries::bind(&mut arguments, receipt, delivery).map_err(broken)?;
        }
        let last = (number + 1) * ROWS >= rows.len();
        for row in fetch(connection, text(Kind::Deliver, chunk.len(), false, commit && last), arguments).await? {
            inserted.insert(DeliveryId(uuid(&row, 0)?));
        }
    }
    for index in members {
        if let Job::Receive(task) = &mut jobs[*index] {
            let ids = task.input.deliveries.iter().map(|delivery| delivery.id).filter(|id| inserted.contains(id)).collect();
            task.output = Some(Ok(Accepted::Deliveries(ids)));
        }
    }
    Ok(())
}
