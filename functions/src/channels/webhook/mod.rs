//! Tells the endpoints that an operator registered, by the Standard Webhooks specification 1.0.0
//! (github.com/standard-webhooks/standard-webhooks).

mod client;
mod guard;
mod register;
mod respond;
mod signature;

pub use guard::Reach;
pub use signature::{Malformed, SigningKeys};

use super::{Channel, HandOver, Journal, Keyring, Now, Setup, Unreadable};
use crate::domain::{
    attempt::Attempt,
    delivery::{News, Notification},
    order::Order,
    retry::Backoff,
    timestamp::Timestamp,
    webhook::{Endpoint, circuit},
};
use client::Client;
use register::Register;
use reqwest::Url;
use serde::Serialize;
use std::{fmt, sync::Arc, time::Duration};
use tokio_rustls::rustls::ClientConfig;

/// A receiver has 24 hours in all; the specification recommends growing waits with jitter.
const BACKOFF: Backoff = Backoff { first: Duration::from_secs(5), longest: Duration::from_hours(2) };

#[derive(Debug, Clone)]
pub struct Settings {
    pub reach: Reach,
    /// Whom to trust; without, nothing is sent.
    pub tls: Option<Arc<ClientConfig>>,
    /// How long a connection may take, TLS included.
    pub connect_within: Duration,
    /// How long all of an attempt may take; the specification recommends 15 to 30 seconds.
    pub answer_within: Duration,
    /// How long an endpoint that was added or removed may go unnoticed.
    pub register_for: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            reach: Reach::Public,
            tls: None,
            connect_within: Duration::from_secs(5),
            answer_within: Duration::from_secs(15),
            register_for: Duration::from_secs(10),
        }
    }
}

pub(super) struct Webhook {
    client: Client,
    register: Register,
    keyring: Arc<dyn Keyring>,
    now: Now,
}

impl Webhook {
    pub(super) fn new(setup: &Setup<'_>) -> Self {
        Self {
            client: Client::new(setup.webhook.clone()),
            register: Register::new(Arc::clone(&setup.directory), setup.webhook.register_for),
            keyring: Arc::clone(&setup.keyring),
            now: Arc::clone(&setup.now),
        }
    }

    async fn try_deliver(&self, notification: &Notification<'_>, hand_over: &HandOver) -> Result<Attempt, Attempt> {
        let name = notification.recipient;
        let endpoints = self.register.endpoints().await.map_err(|error| not_made(&error))?;
        let endpoint = endpoints.iter().find(|endpoint| endpoint.name == name);
        let endpoint = endpoint.ok_or_else(|| unsendable(format!("there is no webhook endpoint named {name}")))?;
        if let Some(disabled) = &endpoint.disabled {
            return Err(unsendable(format!("the webhook endpoint {name} is disabled: {}", disabled.reason)));
        }
        let body = body(notification).map_err(|error| unsendable(error.to_string()))?;
        let keys = self.keys(&endpoint.key_name).await.map_err(|error| not_made(&error))?;
        let id = notification.delivery_id.to_string();
        let ended = send(&self.client, &endpoint.url, &id, &keys, (self.now)(), body, hand_over).await;
        if ended == respond::gone() {
            tracing::warn!(endpoint = name, "disabled, as its receiver answered 410 Gone");
            // If that cannot be written, the next message to it is answered so again.
            if let Err(error) = self.register.disable(endpoint, "its receiver answered 410 Gone").await {
                tracing::warn!(endpoint = name, %error, "could not be disabled");
            }
        }
        Ok(ended)
    }

    async fn keys(&self, name: &str) -> Result<SigningKeys, String> {
        let text = self.keyring.key(name).await?;
        SigningKeys::parse(&text).map_err(|fault| format!("{name} {fault}"))
    }
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook").field("client", &self.client).finish_non_exhaustive()
    }
}

fn not_made(reason: &impl ToString) -> Attempt {
    Attempt::NotMade { reason: reason.to_string() }
}

fn unsendable(reason: String) -> Attempt {
    Attempt::Unsendable { reason }
}

#[async_trait::async_trait]
impl Channel for Webhook {
    fn name(&self) -> &'static str {
        "webhook"
    }

    async fn recipients(&self, news: News, _order: &Order) -> Result<Vec<String>, Unreadable> {
        let endpoints = self.register.endpoints().await?;
        Ok(endpoints.iter().filter(|endpoint| endpoint.wants(news)).map(|endpoint| endpoint.name.clone()).collect())
    }

    fn endpoint(&self, recipient: &str) -> Option<String> {
        Some(circuit(recipient))
    }

    fn backoff(&self) -> Backoff {
        BACKOFF
    }

    async fn deliver(&self, notification: &Notification<'_>, journal: &dyn Journal) -> Attempt {
        self.try_deliver(notification, journal.hand_over()).await.unwrap_or_else(|ended| ended)
    }
}

/// The specification's recommended structure: what happened, when, and the whole order at that version.
#[derive(Serialize)]
struct Body<'a, T> {
    #[serde(rename = "type")]
    kind: &'static str,
    timestamp: Timestamp,
    data: &'a T,
}

fn body(notification: &Notification<'_>) -> serde_json::Result<String> {
    let kind = notification.news.event_type();
    serde_json::to_string(&Body { kind, timestamp: notification.order.updated_at, data: notification.order })
}

/// Signed at the moment of the attempt, under an id that is the same on each.
async fn send(client: &Client, url: &str, id: &str, keys: &SigningKeys, now: Timestamp, body: String, hand_over: &HandOver) -> Attempt {
    let seconds = now.millis().div_euclid(1000);
    let signature = keys.sign(id, seconds, &body);
    client.post(url, id, (seconds, signature), body, hand_over).await
}

/// One message of type `webhook.test` to an endpoint, registered or not. Nothing follows from its answer.
///
/// # Errors
/// A sentence, when there is no key to sign with.
pub async fn test(setup: &Setup<'_>, endpoint: &Endpoint, id: &str) -> Result<Attempt, String> {
    #[derive(Serialize)]
    struct Test<'a> {
        endpoint: &'a str,
    }
    let webhook = Webhook::new(setup);
    let keys = webhook.keys(&endpoint.key_name).await?;
    let now = (webhook.now)();
    let data = Test { endpoint: &endpoint.name };
    let body = serde_json::to_string(&Body { kind: "webhook.test", timestamp: now, data: &data }).map_err(|error| error.to_string())?;
    Ok(match send(&webhook.client, &endpoint.url, id, &keys, now, body, &HandOver::default()).await {
        gone if gone == respond::gone() => {
            Attempt::Permanent { reason: "the receiver answered 410 Gone; so answered, an order's message disables the endpoint".into() }
        }
        ended => ended,
    })
}

/// What is wrong with a URL that is to be registered, as far as its text tells: its host is judged at each attempt.
///
/// # Errors
/// A sentence without a subject.
pub fn check_url(text: &str, reach: Reach) -> Result<(), String> {
    let url = Url::parse(text).map_err(|error| format!("is not a URL: {error}"))?;
    reach.check(&url)
}
