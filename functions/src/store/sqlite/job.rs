//! A write that waits for the writer: its input, what came of it, and who is to be told.

use super::{
    super::{Accepted, Added, Addition, AttemptRecord, Receipt, Result, StoreError},
    deliveries, orders,
};
use crate::domain::timestamp::Timestamp;
use futures_util::future::BoxFuture;
use sqlx::SqliteConnection;
use tokio::sync::oneshot;

pub(super) struct Task<I, O> {
    pub(super) input: I,
    pub(super) output: Option<Result<O>>,
    pub(super) reply: oneshot::Sender<Result<O>>,
}

/// An order to add and the moment it is added, by which a key may have expired.
pub(super) type Add = Task<(Addition, Timestamp), Added>;

/// The frequent kinds are known by name, since many of them can be done in one statement.
pub(super) enum Job {
    Add(Box<Add>),
    Receive(Task<Receipt, Accepted>),
    Record(Task<AttemptRecord, ()>),
    Other(Box<dyn Other>),
}

impl<I, O> Task<I, O> {
    /// The output counts only once the transaction is committed; until then an error of the commit overrides it.
    fn answer(self, committed: &Result<()>) {
        let answer = match (committed, self.output) {
            (Err(error), _) => Err(error.clone()),
            (Ok(()), Some(output)) => output,
            (Ok(()), None) => Err(super::connect::broken("a write was committed without an outcome")),
        };
        // The caller may have gone; then nobody needs the answer.
        drop(self.reply.send(answer));
    }
}

impl Job {
    /// Nobody waits for it, so it need not be done.
    pub(super) fn is_orphaned(&self) -> bool {
        match self {
            Self::Add(task) => task.reply.is_closed(),
            Self::Receive(task) => task.reply.is_closed(),
            Self::Record(task) => task.reply.is_closed(),
            Self::Other(other) => other.is_orphaned(),
        }
    }

    /// Whether it leaves a row behind, if it succeeds.
    pub(super) fn has_rows(&self) -> bool {
        match self {
            Self::Add(task) => matches!(task.output, Some(Ok(Added::Stored))),
            Self::Receive(task) => matches!(task.output, Some(Ok(Accepted::Deliveries(_)))),
            Self::Record(task) => matches!(task.output, Some(Ok(()))),
            Self::Other(_) => false,
        }
    }

    /// Does this one write by itself, inside the caller's transaction.
    pub(super) async fn apply(&mut self, connection: &mut SqliteConnection) -> Result<()> {
        match self {
            Self::Add(task) => task.output = Some(Ok(orders::add(connection, &task.input.0, task.input.1).await?)),
            Self::Receive(task) => task.output = Some(Ok(deliveries::receive(connection, &task.input).await?)),
            Self::Record(task) => task.output = Some(Ok(deliveries::record(connection, &task.input).await?)),
            Self::Other(other) => other.apply(connection).await?,
        }
        Ok(())
    }

    pub(super) fn refuse(&mut self, error: StoreError) {
        match self {
            Self::Add(task) => task.output = Some(Err(error)),
            Self::Receive(task) => task.output = Some(Err(error)),
            Self::Record(task) => task.output = Some(Err(error)),
            Self::Other(other) => other.refuse(error),
        }
    }

    pub(super) fn answer(self, committed: &Result<()>) {
        match self {
            Self::Add(task) => task.answer(committed),
            Self::Receive(task) => task.answer(committed),
            Self::Record(task) => task.answer(committed),
            Self::Other(other) => other.answer(committed),
        }
    }
}

/// A write of any other kind.
pub(super) trait Other: Send + Sync {
    fn is_orphaned(&self) -> bool;
    fn apply<'c>(&'c mut self, connection: &'c mut SqliteConnection) -> BoxFuture<'c, Result<()>>;
    fn refuse(&mut self, error: StoreError);
    fn answer(self: Box<Self>, committed: &Result<()>);
}

pub(super) struct Closure<I, O, F> {
    pub(super) task: Task<I, O>,
    pub(super) run: F,
}

impl<I, O, F> Other for Closure<I, O, F>
where
    I: Send + Sync,
    O: Send + Sync,
    F: for<'c> Fn(&'c mut SqliteConnection, &'c I) -> BoxFuture<'c, Result<O>> + Send + Sync,
{
    fn is_orphaned(&self) -> bool {
        self.task.reply.is_closed()
    }

    fn apply<'c>(&'c mut self, connection: &'c mut SqliteConnection) -> BoxFuture<'c, Result<()>> {
        let outcome = (self.run)(connection, &self.task.input);
        let output = &mut self.task.output;
        Box::pin(async move {
            *output = Some(Ok(outcome.await?));
            Ok(())
        })
    }

    fn refuse(&mut self, error: StoreError) {
        self.task.output = Some(Err(error));
    }

    fn answer(self: Box<Self>, committed: &Result<()>) {
        self.task.answer(committed);
    }
}
