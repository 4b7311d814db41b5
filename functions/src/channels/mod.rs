//! How a customer is told. Knows ways out and the domain's notifications; knows no store, bus or HTTP server.

pub mod email;
mod file;
mod log;
pub mod webhook;

use crate::domain::{
    attempt::{Asked, Attempt},
    delivery::{News, Notification},
    order::Order,
    retry::{self, Backoff},
    timestamp::Timestamp,
    webhook::Endpoint,
};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use secrecy::SecretString;
use std::{
    fmt,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// One way to tell a customer.
#[async_trait::async_trait]
pub trait Channel: Send + Sync + fmt::Debug {
    /// As in `NOTIFY_CHANNELS` and in an order's `notify.channels`.
    fn name(&self) -> &'static str;

    /// Whom it would tell this of this order: one delivery each. Nobody, when the order has no address for it.
    ///
    /// # Errors
    /// When a register that it needs cannot be read; the event is taken in later.
    async fn recipients(&self, news: News, order: &Order) -> Result<Vec<String>, Unreadable>;

    /// Whose being down pauses the attempts at this recipient, as circuits name it. A channel that names one has the
    /// beginning of each attempt written before it sends. `None`: nothing can be down, and nothing is written before.
    fn endpoint(&self, _recipient: &str) -> Option<String> {
        None
    }

    fn backoff(&self) -> Backoff {
        retry::DELIVER
    }

    /// One attempt. The delivery id goes along as the idempotency token where the provider takes one.
    async fn deliver(&self, notification: &Notification<'_>, journal: &dyn Journal) -> Attempt;

    /// Whether [`ask`](Self::ask) can answer.
    fn can_ask(&self) -> bool {
        false
    }

    /// Asks the provider what became of an attempt whose outcome is unknown; `provider_ref` is what the journal was told.
    async fn ask(&self, _notification: &Notification<'_>, _provider_ref: Option<&str>) -> Asked {
        Asked::CannotBeAsked
    }
}

/// Whether the receiver may have the notification. A channel says so just before the part goes out without which there is
/// nothing to take; an attempt that is cut off before that was not made.
#[derive(Debug, Clone, Default)]
pub struct HandOver(Arc<AtomicBool>);

impl HandOver {
    pub fn begin(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub fn has_begun(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A request's body that says so when it goes out: once it is asked for, there is a connection.
fn marked(body: Vec<u8>, hand_over: &HandOver) -> reqwest::Body {
    let hand_over = hand_over.clone();
    reqwest::Body::wrap(Full::<Bytes>::from(body).map_frame(move |frame| {
        hand_over.begin();
        frame
    }))
}

/// Where a channel writes down, before its attempt has ended, what may be needed after it was cut off, or its process died.
#[async_trait::async_trait]
pub trait Journal: Send + Sync {
    /// Of this attempt. Not durable: a process that dies leaves an attempt that began.
    fn hand_over(&self) -> &HandOver;

    /// The provider calls it this, and has not said yet what will become of it. Returns once that is durable, or cannot be
    /// made so: then the attempt goes on without.
    async fn sent(&self, provider_ref: &str);
}

/// What channels look up and change in the registers that operators keep.
#[async_trait::async_trait]
pub trait Directory: Send + Sync + fmt::Debug {
    /// Why this address is not told over this channel; `None` when nothing stands against it.
    async fn suppressed(&self, channel: &str, address: &str) -> Result<Option<String>, Unreadable>;
    /// All webhook endpoints, those that are disabled among them.
    async fn webhook_endpoints(&self) -> Result<Vec<Endpoint>, Unreadable>;
    /// The endpoint wants to be told nothing any more; one that was registered in its place is left alone.
    async fn disable_webhook_endpoint(&self, endpoint: &Endpoint, reason: &str) -> Result<(), Unreadable>;
}

/// Where the keys are that rows name.
#[async_trait::async_trait]
pub trait Keyring: Send + Sync + fmt::Debug {
    /// The value of that setting or secret.
    ///
    /// # Errors
    /// A sentence that names it and quotes nothing of it.
    async fn key(&self, name: &str) -> Result<SecretString, String>;
}

#[derive(Debug, Clone, thiserror::Error)]
#[error("a register cannot be read: {0}")]
pub struct Unreadable(pub String);

/// The configured channels, in the order of their configuration.
#[derive(Debug, Clone, Default)]
pub struct Channels(Vec<Arc<dyn Channel>>);

/// Every name that `NOTIFY_CHANNELS` may hold.
pub const KNOWN: &[&str] = &["log", "file", email::NAME, "webhook"];
/// Those of them that tell somebody else, and name an endpoint.
pub const REMOTE: &[&str] = &[email::NAME, "webhook"];

impl Channels {
    pub fn new(channels: Vec<Arc<dyn Channel>>) -> Self {
        Self(channels)
    }

    pub fn names(&self) -> Vec<&'static str> {
        self.0.iter().map(|channel| channel.name()).collect()
    }

    pub fn get(&self, name: &str) -> Option<&Arc<dyn Channel>> {
        self.0.iter().find(|channel| channel.name() == name)
    }
}

/// What channels are made from.
#[derive(Clone)]
pub struct Setup<'a> {
    /// Where `file` writes.
    pub file: &'a Path,
    /// Where `email` is handed in.
    pub email: Option<&'a email::server::Settings>,
    pub webhook: &'a webhook::Settings,
    pub directory: Arc<dyn Directory>,
    pub keyring: Arc<dyn Keyring>,
    pub now: Now,
}

impl fmt::Debug for Setup<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Setup").field("file", &self.file).field("webhook", &self.webhook).finish_non_exhaustive()
    }
}

/// The time, for what a channel writes of it.
pub type Now = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The channel of that name. `None` for a name that is not in [`KNOWN`], and for one without its settings.
pub fn open(name: &str, setup: &Setup<'_>) -> Option<Arc<dyn Channel>> {
    match name {
        "log" => Some(Arc::new(log::Log)),
        "file" => Some(Arc::new(file::JsonLines::new(setup.file))),
        email::NAME => setup.email.map(|settings| Arc::new(email::Email::new(settings, Arc::clone(&setup.directory))) as Arc<dyn Channel>),
        "webhook" => Some(Arc::new(webhook::Webhook::new(setup))),
        _ => None,
    }
}
