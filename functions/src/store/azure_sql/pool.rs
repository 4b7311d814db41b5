//! The connections, who has one, and trying again.
//!
//! A connection goes back into the pool only after its answer was read to the end. Whatever else happens to its
//! borrower, a failure, a time-out, a cancelled task, it is closed, and the server rolls back what it had begun.

use super::{
    super::{Result, StoreError},
    connect::{self, Client, Results, Server},
    fault::Fault,
    known::Known,
    migrate,
};
use deadpool::{
    Runtime,
    managed::{self, Metrics, Object, PoolError, QueueMode, RecycleResult, TimeoutType, Timeouts, WeakPool},
};
use std::{sync::Arc, time::Duration};
use tiberius::ToSql;
use tokio::time::{Instant, sleep, timeout_at};

/// Before a next try: this, twice this, and so on up to the other, each less a random part of up to a half.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

type Tried<T> = std::result::Result<T, Fault>;

#[derive(Debug)]
pub(super) struct Pool {
    connections: managed::Pool<Manager>,
    patience: Duration,
    deadline: Duration,
    known: Arc<Known>,
}

impl Pool {
    /// Must be called inside a tokio runtime, as closing what is idle is a task of its own.
    pub(super) fn new(server: Arc<Server>) -> Self {
        let (size, patience, deadline, idle) = (server.connections, server.patience, server.deadline, server.idle);
        let known: Arc<Known> = Arc::default();
        let manager = Manager { server, known: Arc::clone(&known) };
        let builder = managed::Pool::builder(manager).max_size(size).runtime(Runtime::Tokio1).queue_mode(QueueMode::Lifo);
        #[expect(clippy::expect_used, reason = "it fails only where time-outs are set without a runtime")]
        let connections = builder.build().expect("the pool has a runtime");
        tokio::spawn(close_idle(connections.weak(), idle));
        Self { connections, patience, deadline, known }
    }

    pub(super) async fn read(&self, sql: &str, parameters: &[&dyn ToSql]) -> Result<Results> {
        self.run(|_| parameters.to_vec(), sql).await.map_err(|(error, _)| error)
    }

    /// One transaction in one request. It may be made again when an earlier outcome was not seen: `@P1` tells it so, and
    /// then it looks for what the earlier try left.
    pub(super) async fn write(&self, sql: &str, parameters: &[&dyn ToSql]) -> Result<Results> {
        let with_again =
            |again| std::iter::once(if again { &true as &dyn ToSql } else { &false }).chain(parameters.iter().copied()).collect();
        self.run(with_again, sql).await.map_err(|(error, in_doubt)| if in_doubt { StoreError::Deadline } else { error })
    }

    /// The schema's version, from what is known. The database is asked only while nothing is known, or when its schema
    /// was too old: somebody may be migrating it.
    pub(super) async fn schema(&self) -> Result<i64> {
        match self.known.state() {
            None | Some(Err(StoreError::Schema { .. })) => match timeout_at(Instant::now() + self.deadline, self.lease()).await {
                Err(_) => Err(StoreError::Unavailable("cannot connect in time".into())),
                Ok(Err(fault)) => Err(self.failed(fault)),
                Ok(Ok(lease)) => {
                    lease.give_back();
                    self.known.state().unwrap_or_else(|| Err(StoreError::Unavailable("not connected".into())))
                }
            },
            Some(known) => known,
        }
    }

    /// Tries until there is an answer, no hope or no time. With an error goes whether the request may have been carried out.
    async fn run<'p>(
        &self,
        parameters: impl Fn(bool) -> Vec<&'p dyn ToSql>,
        sql: &str,
    ) -> std::result::Result<Results, (StoreError, bool)> {
        let deadline = Instant::now() + self.deadline;
        let mut in_doubt = false;
        let mut attempt = 0;
        let mut last = None;
        loop {
            let mut sent = false;
            let parameters = parameters(attempt > 0);
            let fault = match timeout_at(deadline, self.attempt(sql, &parameters, &mut sent)).await {
                Ok(Ok(results)) => {
                    self.known.answered();
                    return Ok(results);
                }
                Ok(Err(fault)) => fault,
                Err(_) if sent => return Err((StoreError::Deadline, true)),
                // What an earlier try met says more than that the time was over.
                Err(_) => {
                    let fault = last.unwrap_or_else(|| Fault::Unreachable("no connection in time".into()));
                    return Err((self.failed(fault), in_doubt));
                }
            };
            in_doubt |= sent && !fault.is_certain();
            if matches!(fault, Fault::Lost(_)) {
                // What took this connection down, a failover or a restart, took the idle ones down as well.
                drop(self.connections.retain(|_, _| false));
            }
            let pause = pause(attempt);
            if !fault.is_transient() || Instant::now() + pause >= deadline {
                return Err((self.failed(fault), in_doubt));
            }
            tracing::debug!(?fault, attempt, "the database is asked again");
            sleep(pause).await;
            last = Some(fault);
            attempt += 1;
        }
    }

    /// How many wait for a connection.
    pub(super) fn waiting(&self) -> usize {
        self.connections.status().waiting
    }

    async fn attempt(&self, sql: &str, parameters: &[&dyn ToSql], sent: &mut bool) -> Tried<Results> {
        let mut lease = self.lease().await?;
        *sent = true;
        let results = lease.ask(sql, parameters).await?;
        lease.give_back();
        Ok(results)
    }

    async fn lease(&self) -> Tried<Lease> {
        let timeouts = Timeouts { wait: Some(self.patience), create: None, recycle: None };
        match self.connections.timeout_get(&timeouts).await {
            Ok(connection) => Ok(Lease(Some(connection))),
            Err(PoolError::Backend(fault)) => Err(fault),
            Err(PoolError::Timeout(TimeoutType::Wait)) => Err(Fault::Full),
            Err(other) => Err(Fault::Unreachable(format!("{other:?}"))),
        }
    }

    fn failed(&self, fault: Fault) -> StoreError {
        let error = fault.into();
        self.known.failed(&error);
        error
    }
}

fn pause(attempt: u32) -> Duration {
    let longest = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(attempt)).min(LONGEST_PAUSE);
    longest.mul_f64(1.0 - fastrand::f64() / 2.0)
}

/// A borrowed connection.
struct Lease(Option<Object<Manager>>);

impl Lease {
    async fn ask(&mut self, sql: &str, parameters: &[&dyn ToSql]) -> Tried<Results> {
        let client = self.0.as_mut().ok_or_else(|| Fault::Lost("it was given back".into()))?;
        Box::pin(client.query(sql, parameters)).await.map_err(Fault::using)?.into_results().await.map_err(Fault::using)
    }

    fn give_back(mut self) {
        drop(self.0.take());
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(unfit) = self.0.take() {
            drop(Object::take(unfit));
        }
    }
}

#[derive(Debug)]
struct Manager {
    server: Arc<Server>,
    known: Arc<Known>,
}

impl managed::Manager for Manager {
    type Type = Client;
    type Error = Fault;

    async fn create(&self) -> Tried<Client> {
        let mut client = connect::open(&self.server, self.server.deadline).await?;
        self.known.connected(migrate::check(&mut client).await?);
        Ok(client)
    }

    /// Nothing is asked of the server: a connection that broke meanwhile is found out by its use.
    async fn recycle(&self, _: &mut Client, _: &Metrics) -> RecycleResult<Fault> {
        Ok(())
    }
}

/// Ends with the pool.
async fn close_idle(connections: WeakPool<Manager>, idle: Duration) {
    loop {
        sleep(idle / 4).await;
        let Some(connections) = connections.upgrade() else { return };
        drop(connections.retain(|_, metrics| metrics.last_used() < idle));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_are_capped() {
        for _ in 0..100 {
            assert!((FIRST_PAUSE / 2..=FIRST_PAUSE).contains(&pause(0)));
            assert!((LONGEST_PAUSE / 2..=LONGEST_PAUSE).contains(&pause(20)));
        }
    }
}
