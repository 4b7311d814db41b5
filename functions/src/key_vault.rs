//! Secrets that stand in Azure Key Vault: read when the process starts and again every few minutes, so that one is
//! rotated without a restart. While the vault is away, the last good value stands.

use crate::{
    domain::rotating::{self, Rotating},
    entra,
};
use azure_core::{
    credentials::TokenCredential,
    http::{ExponentialRetryOptions, RetryOptions, StatusCode},
};
use azure_security_keyvault_secrets::{SecretClient, SecretClientOptions, models::Secret};
use futures_util::future::join_all;
use secrecy::SecretString;
use std::{
    collections::HashMap,
    fmt,
    sync::{
        self, Arc, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{sync::Mutex, time::Instant};
use tokio_util::sync::CancellationToken;

/// How long a vault may take for one secret, with the tries again.
const PATIENCE: Duration = Duration::from_secs(20);
/// The same for a secret that somebody waits for.
const AT_ONCE: Duration = Duration::from_secs(5);
/// A secret that a row names is read again until nobody has asked for it for so long: the row may be gone.
const UNUSED: Duration = Duration::from_hours(24);
/// The pause before the next try of a process that has never read its secrets.
const FIRST_PAUSE: Duration = Duration::from_secs(5);

/// Cheap to clone.
#[derive(Clone)]
pub struct KeyVault(Arc<Inner>);

struct Inner {
    client: SecretClient,
    every: Duration,
    wanted: Vec<Arc<Wanted>>,
    named: sync::Mutex<HashMap<String, Named>>,
    /// Whether all that settings name was read once.
    is_read: AtomicBool,
}

/// A secret that a row names: asked for when it is needed first, and read again with the settings' from then on.
struct Named {
    wanted: Arc<Wanted>,
    value: rotating::Secret,
    asked: Instant,
}

/// Understands a secret's text and puts it in place; a sentence without a subject when it cannot.
type Take = dyn Fn(&str) -> Result<(), String> + Send + Sync;

/// A setting, or a row, whose value is a secret's.
pub struct Wanted {
    variable: &'static str,
    secret: String,
    take: Box<Take>,
    /// The secret's version that was taken last.
    version: Mutex<Option<String>>,
    /// Whether it could not be had when it was asked for last.
    is_out: AtomicBool,
}

impl Wanted {
    /// The value of `secret`, as `parse` understands it, for the setting `variable`.
    pub fn new<T: Send + Sync + 'static>(
        variable: &'static str,
        secret: String,
        parse: impl Fn(&str) -> Result<T, String> + Send + Sync + 'static,
    ) -> (Self, Rotating<T>) {
        let value = Rotating::pending();
        let here = value.clone();
        let take = Box::new(move |text: &str| parse(text).map(|value| here.replace(value)));
        (Self { variable, secret, take, version: Mutex::default(), is_out: AtomicBool::default() }, value)
    }

    /// Tells of an outage once, and of its end once.
    fn tell(&self, outcome: &Result<(), Unread>) {
        let (variable, secret) = (self.variable, self.secret.as_str());
        match (outcome, self.is_out.swap(outcome.is_err(), Ordering::Relaxed)) {
            (Err(error), false) => tracing::warn!(%error, "a secret could not be read; what was read before stands"),
            (Err(error), true) => tracing::debug!(%error, "a secret could still not be read"),
            (Ok(()), true) => tracing::info!(variable, secret, "a secret could be read again"),
            (Ok(()), false) => {}
        }
    }
}

/// One sentence that names the setting and quotes nothing of a secret.
#[derive(Debug, thiserror::Error)]
#[error("{variable} names the secret {secret} of {vault}, {complaint}")]
pub struct Unread {
    variable: &'static str,
    secret: String,
    vault: String,
    complaint: String,
}

impl KeyVault {
    /// Asks nobody for anything yet. `url` as the portal gives it; `every` is the time between two readings.
    ///
    /// # Errors
    /// When the URL is none.
    pub fn new(
        url: &str,
        credential: Arc<dyn TokenCredential>,
        https: &reqwest::Client,
        every: Duration,
        wanted: Vec<Wanted>,
    ) -> azure_core::Result<Self> {
        let retry = ExponentialRetryOptions {
            initial_delay: azure_core::time::Duration::milliseconds(300),
            max_retries: 3,
            ..ExponentialRetryOptions::default()
        };
        let mut options = SecretClientOptions { client_options: entra::client_options(https), ..SecretClientOptions::default() };
        options.client_options.retry = RetryOptions::exponential(retry);
        let client = SecretClient::new(url, credential, Some(options))?;
        let wanted = wanted.into_iter().map(Arc::new).collect();
        Ok(Self(Arc::new(Inner { client, every, wanted, named: sync::Mutex::default(), is_read: AtomicBool::default() })))
    }

    /// The secret `name`, which `who` names, as it was read last and `check` had nothing against it: a sentence without a
    /// subject, which quotes nothing. The first call asks the vault.
    ///
    /// # Errors
    /// When it was never read, and cannot be within 5 seconds.
    pub async fn named(&self, who: &'static str, name: &str, check: fn(&str) -> Result<(), String>) -> Result<Arc<SecretString>, Unread> {
        if let Some(value) = self.known(name) {
            return Ok(value);
        }
        let (wanted, value) = Wanted::new(who, name.to_owned(), move |text| check(text).map(|()| SecretString::from(text)));
        self.take(&wanted, AT_ONCE).await?;
        let current = value.current().ok_or_else(|| self.unread(&wanted, "which gives it no value"));
        let named = Named { wanted: Arc::new(wanted), value, asked: Instant::now() };
        self.names().entry(name.to_owned()).or_insert(named);
        current
    }

    fn known(&self, name: &str) -> Option<Arc<SecretString>> {
        let mut all = self.names();
        let named = all.get_mut(name)?;
        named.asked = Instant::now();
        named.value.current()
    }

    fn names(&self) -> MutexGuard<'_, HashMap<String, Named>> {
        self.0.named.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads every secret that a setting names, and those that rows name and that were asked for.
    ///
    /// # Errors
    /// The first that could not be had. The others are in place all the same.
    pub async fn read(&self) -> Result<(), Unread> {
        self.read_each().await.into_iter().try_for_each(|(_, outcome)| outcome)
    }

    async fn read_each(&self) -> Vec<(Arc<Wanted>, Result<(), Unread>)> {
        let mut all = self.0.wanted.clone();
        {
            let mut names = self.names();
            names.retain(|_, named| named.asked.elapsed() < UNUSED);
            all.extend(names.values().map(|named| Arc::clone(&named.wanted)));
        }
        let outcomes = join_all(all.iter().map(|wanted| self.take(wanted, PATIENCE))).await;
        if outcomes.iter().take(self.0.wanted.len()).all(Result::is_ok) {
            self.0.is_read.store(true, Ordering::Relaxed);
        }
        all.into_iter().zip(outcomes).collect()
    }

    /// Reads again and again until the token is cancelled; at once, where nothing was read yet.
    pub async fn keep(&self, stop: &CancellationToken) {
        let mut is_first = true;
        loop {
            let pause = match self.0.is_read.load(Ordering::Relaxed) {
                true => self.0.every,
                false if is_first => Duration::ZERO,
                false => FIRST_PAUSE.min(self.0.every),
            };
            is_first = false;
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
            tokio::select! {
                () = stop.cancelled() => return,
                each = self.read_each() => each.into_iter().for_each(|(wanted, outcome)| wanted.tell(&outcome)),
            }
        }
    }

    fn unread(&self, wanted: &Wanted, complaint: impl Into<String>) -> Unread {
        Unread {
            variable: wanted.variable,
            secret: wanted.secret.clone(),
            vault: self.0.client.endpoint().to_string(),
            complaint: complaint.into(),
        }
    }

    async fn take(&self, wanted: &Wanted, patience: Duration) -> Result<(), Unread> {
        let unread = |complaint: String| self.unread(wanted, complaint);
        let asked = tokio::time::timeout(patience, self.ask(&wanted.secret)).await;
        let secret = asked.map_err(|_| unread("which did not answer in time".into()))?.map_err(|error| unread(complaint(&error)))?;
        let Some(text) = secret.value else { return Err(unread("which gives it no value".into())) };
        let mut version = wanted.version.lock().await;
        if *version == secret.id && version.is_some() {
            return Ok(());
        }
        (wanted.take)(&text).map_err(|fault| unread(format!("whose value {fault}")))?;
        if version.is_some() {
            tracing::info!(variable = wanted.variable, secret = wanted.secret, "a secret was replaced");
        }
        *version = secret.id;
        Ok(())
    }

    /// The version that is current.
    async fn ask(&self, secret: &str) -> azure_core::Result<Secret> {
        self.0.client.get_secret(secret, None).await?.into_model()
    }
}

fn complaint(error: &azure_core::Error) -> String {
    match error.http_status() {
        Some(StatusCode::NotFound) => "which does not have it".into(),
        Some(StatusCode::Unauthorized | StatusCode::Forbidden) => "which does not let this identity read it".into(),
        Some(status) => format!("which answered {status}"),
        None => format!("which cannot be asked: {}", one_line(error)),
    }
}

/// The error with its causes.
fn one_line(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let mut texts: Vec<String> = causes.map(|cause| cause.to_string().split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    texts.dedup();
    texts.join(": ")
}

impl fmt::Debug for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wanted").field("variable", &self.variable).field("secret", &self.secret).finish_non_exhaustive()
    }
}

impl fmt::Debug for KeyVault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secrets: Vec<&str> = self.0.wanted.iter().map(|wanted| wanted.secret.as_str()).collect();
        f.debug_struct("KeyVault").field("url", &self.0.client.endpoint().as_str()).field("secrets", &secrets).finish_non_exhaustive()
    }
}
