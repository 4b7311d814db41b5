//! One AMQP connection: its sessions, and the tokens for the entities in use on it.

use super::{
    calls::{Ask, Calls},
    error::{Error, ErrorKind},
    token::Credential,
    transport::Address,
};
use crate::domain::{retry::Backoff, timestamp::Timestamp};
use fe2o3_amqp::{Session, connection::ConnectionHandle, session::SessionHandle};
use fe2o3_amqp_types::primitives::{SimpleValue, Timestamp as AmqpTimestamp, Value};
use secrecy::ExposeSecret;
use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until, timeout},
};

/// How long it may take until a connection is open and may be used.
const OPENING: Duration = Duration::from_secs(20);
const BEGINNING: Duration = Duration::from_secs(15);
const CLOSING: Duration = Duration::from_secs(2);
/// A token is renewed when this share of its life is over.
const RENEWED_AFTER: f64 = 0.8;
/// Between two tries to renew a token.
const RENEWAL: Backoff = Backoff { first: Duration::from_secs(2), longest: Duration::from_secs(30) };

/// The wall clock, which tokens and locks go by.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Held by whoever uses an entity; while it is, the entity's token is renewed.
#[derive(Debug, Clone)]
pub(super) struct Grant(#[expect(dead_code, reason = "counted, not read")] Arc<()>);

struct Granted {
    holders: Weak<()>,
    renew_at: Instant,
    failures: u32,
}

pub(super) struct Connection {
    handle: tokio::sync::Mutex<ConnectionHandle<()>>,
    authority: Arc<Authority>,
}

/// Gets tokens and shows them to `$cbs`.
struct Authority {
    address: Address,
    credential: Arc<Credential>,
    clock: Clock,
    cbs: Calls,
    granted: Mutex<HashMap<String, Granted>>,
    changed: Notify,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").finish_non_exhaustive()
    }
}

impl Connection {
    pub(super) async fn open(address: Address, credential: Arc<Credential>, clock: Clock) -> Result<Self, Error> {
        let open = async {
            let mut handle = address.open().await?;
            let session = Session::begin(&mut handle).await?;
            let cbs = Calls::attach(session, "$cbs").await?;
            let authority = Arc::new(Authority { address, credential, clock, cbs, granted: Mutex::default(), changed: Notify::new() });
            let renewing = Arc::clone(&authority);
            tokio::spawn(async move {
                tokio::select! {
                    () = renewing.cbs.closed() => {}
                    () = renewing.keep_renewing() => {}
                }
            });
            Ok(Self { handle: tokio::sync::Mutex::new(handle), authority })
        };
        timeout(OPENING, open).await.unwrap_or_else(|_| Err(Error::timed_out("opening the connection")))
    }

    /// What `step` gives, or a loss as soon as the connection is gone: the library may wait for ever for its answer then.
    pub(super) async fn during<T>(&self, step: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        tokio::select! {
            biased;
            done = step => done,
            () = self.closed() => Err(Error::new(ErrorKind::Connection, "the connection was lost")),
        }
    }

    /// A session of its own keeps a link's trouble and its windows apart from the others'.
    pub(super) async fn session(&self) -> Result<SessionHandle<()>, Error> {
        let begin = async { Ok(Session::begin(&mut *self.handle.lock().await).await?) };
        timeout(BEGINNING, begin).await.unwrap_or_else(|_| Err(Error::timed_out("beginning a session")))
    }

    /// Shows a token for an entity, unless one is good already.
    pub(super) async fn authorize(&self, entity: &str) -> Result<Grant, Error> {
        let known = self.authority.lock().get(entity).and_then(|granted| granted.holders.upgrade());
        if let Some(holders) = known {
            return Ok(Grant(holders));
        }
        let renew_at = self.authority.put_token(entity).await?;
        let holders = {
            let mut granted = self.authority.lock();
            let holders = granted.get(entity).and_then(|granted| granted.holders.upgrade()).unwrap_or_default();
            granted.insert(entity.to_owned(), Granted { holders: Arc::downgrade(&holders), renew_at, failures: 0 });
            holders
        };
        self.authority.changed.notify_one();
        Ok(Grant(holders))
    }

    pub(super) fn is_closed(&self) -> bool {
        self.authority.cbs.is_closed()
    }

    pub(super) async fn closed(&self) {
        self.authority.cbs.closed().await;
    }

    pub(super) async fn close(&self) {
        let closing = async { self.handle.lock().await.close().await };
        if timeout(CLOSING, closing).await.is_err() {
            tracing::debug!("the broker did not answer to closing the connection");
        }
    }
}

impl Authority {
    /// Gives the moment to renew it.
    async fn put_token(&self, entity: &str) -> Result<Instant, Error> {
        let audience = self.address.audience(entity);
        let token = self.credential.token(&audience, (self.clock)()).await?;
        let properties = vec![
            ("type", SimpleValue::String(token.kind.to_owned())),
            ("name", SimpleValue::String(audience)),
            ("expiration", SimpleValue::Timestamp(AmqpTimestamp::from_milliseconds(token.expires_at.millis()))),
        ];
        let body = Value::String(token.secret.expose_secret().to_owned());
        self.cbs.call(Ask { operation: "put-token", properties, body }).await?;
        let life = token.expires_at.since((self.clock)());
        Ok(Instant::now() + life.mul_f64(RENEWED_AFTER))
    }

    async fn keep_renewing(&self) {
        loop {
            let next = {
                let mut granted = self.lock();
                granted.retain(|_, granted| granted.holders.strong_count() > 0);
                granted.iter().min_by_key(|(_, granted)| granted.renew_at).map(|(entity, granted)| (entity.clone(), granted.renew_at))
            };
            let Some((entity, renew_at)) = next else {
                self.changed.notified().await;
                continue;
            };
            tokio::select! {
                () = sleep_until(renew_at) => self.renew(&entity).await,
                () = self.changed.notified() => {}
            }
        }
    }

    async fn renew(&self, entity: &str) {
        let renewed = self.put_token(entity).await;
        let mut granted = self.lock();
        let Some(granted) = granted.get_mut(entity) else { return };
        match renewed {
            Ok(renew_at) => {
                tracing::debug!(entity, "renewed the token");
                (granted.renew_at, granted.failures) = (renew_at, 0);
            }
            Err(error) => {
                tracing::warn!(entity, %error, "cannot renew the token; the broker detaches the link when it expires");
                granted.failures += 1;
                granted.renew_at = Instant::now() + RENEWAL.after(granted.failures, fastrand::f64());
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Granted>> {
        self.granted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        bus::service_bus::{ConnectionString, Login, Settings},
        clock::{Clock as _, SystemClock},
    };
    use servicebus_emulator::{Emulator, Options};

    async fn connected(sas_life: Duration) -> (Emulator, Connection) {
        let options = Options { amqp: Some(([127, 0, 0, 1], 0).into()), admin: None, ..Options::default() };
        let emulator = servicebus_emulator::start(options).await.unwrap();
        let login = Login::ConnectionString(ConnectionString::parse(&emulator.connection_string()).unwrap());
        let credential = Arc::new(Credential::of(&login, sas_life));
        let address = Address::of(&Settings::new(login, "orders", "notify")).unwrap();
        let connection = Connection::open(address, credential, Arc::new(|| SystemClock.now())).await.unwrap();
        (emulator, connection)
    }

    /// Waits until the token of an entity was renewed, and gives the moment of its next renewal.
    async fn renewed(connection: &Connection, entity: &str, since: Instant) -> Instant {
        let mut rhythm = tokio::time::interval(Duration::from_millis(20));
        let renewed = async {
            loop {
                rhythm.tick().await;
                let renew_at = connection.authority.lock()[entity].renew_at;
                if renew_at > since {
                    return renew_at;
                }
            }
        };
        timeout(Duration::from_secs(10), renewed).await.expect("renewed in time")
    }

    #[tokio::test]
    async fn a_token_is_renewed_at_four_fifths_of_its_life_while_its_entity_is_in_use() {
        let (_emulator, connection) = connected(Duration::from_secs(1)).await;
        let begun = Instant::now();
        let grant = connection.authorize("orders").await.unwrap();
        let first = connection.authority.lock()["orders"].renew_at;
        assert!((700..=900).contains(&first.duration_since(begun).as_millis()));
        renewed(&connection, "orders", first).await;
        drop(grant);
        let _other = connection.authorize("orders/Subscriptions/notify").await.unwrap();
        let renewing = timeout(Duration::from_secs(10), async {
            while connection.authority.lock().contains_key("orders") {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        renewing.await.expect("what nobody uses is forgotten");
    }

    #[tokio::test]
    async fn a_renewal_that_is_refused_is_tried_again() {
        let (emulator, connection) = connected(Duration::from_secs(1)).await;
        let _grant = connection.authorize("orders").await.unwrap();
        let first = connection.authority.lock()["orders"].renew_at;
        emulator.faults().refuse_tokens(1);
        let second = renewed(&connection, "orders", first).await;
        assert_eq!(connection.authority.lock()["orders"].failures, 1);
        renewed(&connection, "orders", second).await;
        assert_eq!(connection.authority.lock()["orders"].failures, 0);
    }
}
