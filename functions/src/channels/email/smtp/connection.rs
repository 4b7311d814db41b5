//! Connections to the mail server: opened with TLS and login, kept for a while, taken up again.

use super::{
    super::server::{Patience, Smtp, Tls},
    fault::Fault,
};
use crate::domain::rotating::Secret;
use lettre::{
    Address,
    transport::smtp::{
        Error,
        authentication::{Credentials, DEFAULT_MECHANISMS},
        client::{AsyncSmtpConnection, TlsParameters},
        commands::Rset,
        extension::ClientId,
    },
};
use secrecy::ExposeSecret;
use std::{
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::{Instant, timeout},
};

/// The most connections of one process; servers for submission allow ten and more.
const CONNECTIONS: usize = 8;
/// A connection that rested longer is not taken up again: servers may hang up after five minutes (RFC 5321 §4.5.3.2.7),
/// and many do sooner.
const REST: Duration = Duration::from_secs(30);

pub(super) struct Connections {
    host: String,
    port: u16,
    tls: Tls,
    /// With [`Tls::Required`] and [`Tls::Implicit`].
    trust: Option<TlsParameters>,
    login: Option<(String, Secret)>,
    hello: ClientId,
    pub(super) patience: Patience,
    places: Semaphore,
    resting: Mutex<Vec<(AsyncSmtpConnection, Instant)>>,
}

/// One connection and the right to have it.
pub(super) struct Held<'a> {
    pub(super) connection: AsyncSmtpConnection,
    /// It carried a message before, so that the server may have hung up meanwhile.
    pub(super) is_used: bool,
    place: SemaphorePermit<'a>,
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connections").field("host", &self.host).field("port", &self.port).field("tls", &self.tls).finish_non_exhaustive()
    }
}

impl Connections {
    /// Opens nothing yet. The domain of `from` is what the server is greeted with.
    pub(super) fn new(settings: &Smtp, from: &Address) -> Self {
        Self {
            host: settings.host.clone(),
            port: settings.port,
            tls: settings.tls,
            trust: settings.trust.clone(),
            login: settings.login.clone(),
            hello: ClientId::Domain(from.domain().to_owned()),
            patience: settings.patience,
            places: Semaphore::new(CONNECTIONS),
            resting: Mutex::default(),
        }
    }

    /// `HOST:PORT`.
    pub(super) fn address(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// One that rests, or a fresh one. Waits for a place.
    pub(super) async fn get(&self) -> Result<Held<'_>, Fault> {
        let place = self.places.acquire().await.map_err(|error| Fault::NotMade(error.to_string()))?;
        match self.rested() {
            Some(connection) => Ok(Held { connection, is_used: true, place }),
            None => Ok(Held { connection: self.open().await?, is_used: false, place }),
        }
    }

    /// A fresh connection in the place of one that turned out to be gone.
    pub(super) async fn again<'a>(&self, gone: Held<'a>) -> Result<Held<'a>, Fault> {
        Ok(Held { connection: self.open().await?, is_used: false, place: gone.place })
    }

    /// Keeps a connection that is between two messages.
    pub(super) fn keep(&self, held: Held<'_>) {
        if !held.connection.has_broken() {
            self.resting().push((held.connection, Instant::now()));
        }
    }

    /// Keeps a connection on which a message was refused, if the server forgets about that message.
    pub(super) async fn recover(&self, mut held: Held<'_>) {
        if let Ok(Ok(_)) = timeout(self.patience.step, held.connection.command(Rset)).await {
            self.keep(held);
        }
    }

    /// The one that rested least; those that rested too long are hung up.
    fn rested(&self) -> Option<AsyncSmtpConnection> {
        let mut resting = self.resting();
        resting.retain(|(_, since)| since.elapsed() < REST);
        resting.pop().map(|(connection, _)| connection)
    }

    async fn open(&self) -> Result<AsyncSmtpConnection, Fault> {
        let (time, login) = (self.patience.step, self.credentials()?);
        let Ok(opened) = timeout(time, self.introduce(login)).await else { return Err(Fault::late(time)) };
        Ok(opened?)
    }

    /// The password as it is at the moment.
    fn credentials(&self) -> Result<Option<Credentials>, Fault> {
        let Some((user, password)) = &self.login else { return Ok(None) };
        let password = password.current().ok_or_else(|| Fault::NotMade("its password was not read out of the key vault yet".into()))?;
        Ok(Some(Credentials::new(user.clone(), password.expose_secret().to_owned())))
    }

    /// Connects, goes over to TLS where it is wanted, and logs in.
    async fn introduce(&self, login: Option<Credentials>) -> Result<AsyncSmtpConnection, Error> {
        let implicit = self.trust.clone().filter(|_| self.tls == Tls::Implicit);
        let server = (self.host.as_str(), self.port);
        let mut connection = AsyncSmtpConnection::connect_tokio1(server, Some(self.patience.step), &self.hello, implicit, None).await?;
        if let (Tls::Required, Some(trust)) = (self.tls, self.trust.clone()) {
            connection.starttls(trust, &self.hello).await?;
        }
        if let Some(login) = login {
            connection.auth(DEFAULT_MECHANISMS, &login).await?;
        }
        Ok(connection)
    }

    fn resting(&self) -> MutexGuard<'_, Vec<(AsyncSmtpConnection, Instant)>> {
        self.resting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
