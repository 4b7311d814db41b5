//! The one connection of a process to its namespace: opened when it is first needed, and again whenever it is lost.

use super::{
    connection::{Clock, Connection},
    dead_letter::DeadLetterQueue,
    error::Error,
    outage::Outages,
    receiver::Receiver,
    sender::Sender,
    settings::Settings,
    token::Credential,
    transport::Address,
};
use crate::domain::retry::Backoff;
use std::{fmt, future::pending, sync::Arc, time::Duration};
use tokio::{sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;

/// Between two tries to connect.
const RECONNECT: Backoff = Backoff { first: Duration::from_millis(250), longest: Duration::from_secs(15) };
const CONNECTION: &str = "connection";

/// Cheap to clone; all clones share the connection.
#[derive(Clone)]
pub struct ServiceBusClient(Arc<Inner>);

struct Inner {
    settings: Settings,
    address: Address,
    credential: Arc<Credential>,
    clock: Clock,
    outages: Outages,
    state: tokio::sync::Mutex<State>,
    closed: CancellationToken,
    /// How many connections were opened.
    opened: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    connection: Option<Arc<Connection>>,
    failures: u32,
    /// The last failure, which stands until this moment.
    refused: Option<(Instant, Error)>,
}

/// The return of a connection that could not be had.
pub(super) struct Return {
    opened: watch::Receiver<u64>,
    is_awaited: bool,
}

impl Return {
    /// From here on.
    pub(super) fn begin(&mut self) {
        self.opened.mark_unchanged();
        self.is_awaited = true;
    }

    /// There is a connection. One that breaks whenever it is used must not hurry anybody.
    pub(super) fn end(&mut self) {
        self.is_awaited = false;
    }

    /// Ends when somebody else has opened the connection, if that is awaited.
    pub(super) async fn comes(&mut self) {
        if !self.is_awaited || self.opened.changed().await.is_err() {
            pending::<()>().await;
        }
    }
}

impl fmt::Debug for ServiceBusClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceBusClient").field("topic", &self.0.settings.topic).finish_non_exhaustive()
    }
}

impl ServiceBusClient {
    /// Opens nothing yet.
    ///
    /// # Errors
    /// When the settings cannot be used: no credential of that source, a namespace that is no host, unreadable certificates.
    pub fn new(settings: Settings, clock: Clock) -> Result<Self, Error> {
        let address = Address::of(&settings)?;
        let credential = Arc::new(Credential::of(&settings.login, settings.sas_life));
        Ok(Self(Arc::new(Inner {
            settings,
            address,
            credential,
            clock,
            outages: Outages::default(),
            state: tokio::sync::Mutex::default(),
            closed: CancellationToken::new(),
            opened: watch::Sender::new(0),
        })))
    }

    /// Publishes on the topic. It attaches at once, so that what is wrong shows before the first message.
    pub fn sender(&self) -> Arc<Sender> {
        Sender::start(self.clone())
    }

    /// Receives from the subscription until it is closed.
    pub fn receiver(&self) -> Arc<Receiver> {
        Receiver::start(self.clone())
    }

    /// The subscription's dead-letter queue.
    pub fn dead_letter_queue(&self) -> DeadLetterQueue {
        DeadLetterQueue::new(self.clone())
    }

    /// What is out at the moment, for people.
    pub fn outage(&self) -> Option<String> {
        self.0.outages.current()
    }

    /// Closes the connection; every later use fails. Senders and receivers are closed before.
    pub async fn close(&self) {
        self.0.closed.cancel();
        let connection = self.0.state.lock().await.connection.take();
        if let Some(connection) = connection {
            connection.close().await;
        }
    }

    /// The connection that there is, or a new one. While the broker is away the last failure is given at once until it is
    /// time to try again.
    pub(super) async fn connection(&self) -> Result<Arc<Connection>, Error> {
        let mut state = self.0.state.lock().await;
        if self.0.closed.is_cancelled() {
            return Err(Error::closed());
        }
        if let Some(connection) = state.connection.as_ref().filter(|connection| !connection.is_closed()) {
            return Ok(Arc::clone(connection));
        }
        state.connection = None;
        if let Some((until, error)) = &state.refused
            && Instant::now() < *until
        {
            return Err(error.clone());
        }
        let opening = Connection::open(self.0.address.clone(), Arc::clone(&self.0.credential), Arc::clone(&self.0.clock));
        match opening.await {
            Ok(connection) => {
                let connection = Arc::new(connection);
                *state = State { connection: Some(Arc::clone(&connection)), ..State::default() };
                self.0.opened.send_modify(|opened| *opened += 1);
                self.0.outages.end(CONNECTION);
                Ok(connection)
            }
            Err(error) => {
                state.failures += 1;
                state.refused = Some((Instant::now() + RECONNECT.after(state.failures, fastrand::f64()), error.clone()));
                self.0.outages.begin(CONNECTION, &error);
                Err(error)
            }
        }
    }

    pub(super) fn back(&self) -> Return {
        Return { opened: self.0.opened.subscribe(), is_awaited: false }
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.0.settings
    }

    pub(super) fn outages(&self) -> &Outages {
        &self.0.outages
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.0.clock
    }

    pub(super) fn closed(&self) -> &CancellationToken {
        &self.0.closed
    }
}
