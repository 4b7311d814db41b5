//! The one writer: takes all writes that wait, commits them in one transaction, and gives each its own outcome.
//!
//! One fsync then serves many callers. Writes of the frequent kinds are done in bulk, a statement for all of them;
//! when that is refused, the whole batch is rolled back and taken again one by one, so that only the culprit fails.

use super::{
    super::{Accepted, Added, Addition, AttemptRecord, Load, Receipt, Result, StoreError},
    bulk::Batch,
    connect::{self, fault},
    health::Health,
    job::{Closure, Job, Task},
    migrate,
};
use crate::domain::timestamp::Timestamp;
use futures_util::{FutureExt, future::BoxFuture};
use sqlx::SqliteConnection;
use std::{
    panic::AssertUnwindSafe,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::sync::{mpsc, oneshot};

/// Writes that may wait; above it callers are told to come back.
const QUEUE: usize = 1024;
/// Writes that one transaction takes.
const BATCH: usize = 256;
/// How long a caller waits for its commit.
const DEADLINE: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(super) struct Writer {
    jobs: mpsc::Sender<Job>,
    counts: Arc<Counts>,
    health: Arc<Health>,
}

/// What was done since the process started.
#[derive(Debug, Default)]
struct Counts {
    writes: AtomicU64,
    transactions: AtomicU64,
}

impl Writer {
    pub(super) fn start(path: &Path) -> Self {
        let (jobs, waiting) = mpsc::channel(QUEUE);
        let (counts, health) = (Arc::<Counts>::default(), Arc::<Health>::default());
        tokio::spawn(work(path.to_owned(), waiting, Arc::clone(&counts), Arc::clone(&health)));
        Self { jobs, counts, health }
    }

    pub(super) fn load(&self) -> Load {
        Load {
            waiting: (self.jobs.max_capacity() - self.jobs.capacity()) as u64,
            writes: self.counts.writes.load(Ordering::Relaxed),
            transactions: self.counts.transactions.load(Ordering::Relaxed),
        }
    }

    /// Why writes fail at the moment, as far as the last ones tell.
    pub(super) fn last_fault(&self) -> Option<StoreError> {
        self.health.last_fault()
    }

    pub(super) async fn add_order(&self, addition: Addition, now: Timestamp) -> Result<Added> {
        self.submit((addition, now), |task| Job::Add(Box::new(task))).await
    }

    pub(super) async fn receive(&self, receipt: Receipt) -> Result<Accepted> {
        self.submit(receipt, Job::Receive).await
    }

    pub(super) async fn record_attempt(&self, record: AttemptRecord) -> Result<()> {
        self.submit(record, Job::Record).await
    }

    /// `run` may be called twice: the first try may have been rolled back for another write's sake.
    pub(super) async fn run<I, O, F>(&self, input: I, run: F) -> Result<O>
    where
        I: Send + Sync + 'static,
        O: Send + Sync + 'static,
        F: for<'c> Fn(&'c mut SqliteConnection, &'c I) -> BoxFuture<'c, Result<O>> + Send + Sync + 'static,
    {
        self.submit(input, |task| Job::Other(Box::new(Closure { task, run }))).await
    }

    async fn submit<I, O>(&self, input: I, job: impl FnOnce(Task<I, O>) -> Job) -> Result<O> {
        let (reply, answer) = oneshot::channel();
        self.jobs.try_send(job(Task { input, output: None, reply })).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(_) => StoreError::Full,
            mpsc::error::TrySendError::Closed(_) => StoreError::Unavailable("the writer could not go on".into()),
        })?;
        match tokio::time::timeout(DEADLINE, answer).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(StoreError::Unavailable("the writer could not go on".into())),
            Err(_) => Err(StoreError::Deadline),
        }
    }
}

/// Goes on whatever happens: a panic fails those who wait at that moment, and not all who come after them.
async fn work(path: PathBuf, mut waiting: mpsc::Receiver<Job>, counts: Arc<Counts>, health: Arc<Health>) {
    while AssertUnwindSafe(serve(&path, &mut waiting, &counts, &health)).catch_unwind().await.is_err() {
        tracing::error!("the writer panicked and goes on with a fresh connection");
    }
}

async fn serve(path: &Path, waiting: &mut mpsc::Receiver<Job>, counts: &Counts, health: &Health) {
    let mut connection = None;
    let mut jobs = Vec::with_capacity(BATCH);
    while waiting.recv_many(&mut jobs, BATCH).await > 0 {
        jobs.retain(|job| !job.is_orphaned());
        counts.writes.fetch_add(jobs.len() as u64, Ordering::Relaxed);
        counts.transactions.fetch_add(1, Ordering::Relaxed);
        let committed = match ready(path, &mut connection).await {
            Ok(open) => commit(open, &mut jobs).await,
            Err(error) => Err(error),
        };
        health.note(&committed, jobs.iter().any(Job::has_rows));
        if matches!(committed, Err(StoreError::Unavailable(_) | StoreError::Unwritable(_))) {
            // Whatever state the connection is in, a fresh one has none.
            connection = None;
        }
        for job in jobs.drain(..) {
            job.answer(&committed);
        }
    }
}

async fn ready<'c>(path: &Path, connection: &'c mut Option<SqliteConnection>) -> Result<&'c mut SqliteConnection> {
    if connection.is_none() {
        let mut fresh = connect::writer(path).await?;
        migrate::check(&mut fresh).await?;
        *connection = Some(fresh);
    }
    connection.as_mut().ok_or_else(|| StoreError::Unavailable("not connected".into()))
}

async fn commit(connection: &mut SqliteConnection, jobs: &mut [Job]) -> Result<()> {
    let mut batch = Batch::of(jobs);
    match batch.apply(connection, jobs).await {
        Err(StoreError::Broken(_)) => {}
        settled => return settled,
    }
    rollback(connection).await?;
    execute(connection, "BEGIN IMMEDIATE").await?;
    for job in jobs {
        execute(connection, "SAVEPOINT one").await?;
        if let Err(error) = job.apply(connection).await {
            if matches!(error, StoreError::Unavailable(_) | StoreError::Unwritable(_)) {
                return Err(error);
            }
            job.refuse(error);
            execute(connection, "ROLLBACK TO one").await?;
        }
        execute(connection, "RELEASE one").await?;
    }
    execute(connection, "COMMIT").await
}

/// A statement that failed may have ended the transaction by itself; then there is nothing to roll back.
async fn rollback(connection: &mut SqliteConnection) -> Result<()> {
    match execute(connection, "ROLLBACK").await {
        Ok(()) | Err(StoreError::Broken(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

async fn execute(connection: &mut SqliteConnection, sql: &'static str) -> Result<()> {
    sqlx::query(sql).execute(connection).await.map(drop).map_err(|error| fault(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_write_that_panics_fails_alone_and_the_next_one_is_done() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("orders.sqlite");
        migrate::run(&path, Timestamp::from_millis(0)).await.unwrap();
        let writer = Writer::start(&path);
        let panicked = writer.run((), |_, ()| Box::pin(async { panic!("on purpose") })).await;
        let Err(StoreError::Unavailable(reason)) = panicked.map(|(): ()| ()) else { panic!("it was done") };
        assert_eq!(reason, "the writer could not go on");
        let count = writer.run((), |connection, ()| Box::pin(migrate::check(connection))).await;
        assert!(count.is_ok(), "{count:?}");
    }
}
