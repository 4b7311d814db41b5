//! A stand-in of the Azure Functions host, true to what a custom handler can see of it.
//!
//! It reads a folder as it is deployed, starts the handler, routes HTTP to it, hands it messages and timers, judges its
//! replies, and restarts and kills it, as the host's source says. Where .NET shows through (header names in mixed case,
//! lenient JSON) it is stricter than the host: what passes here passes there.

mod client;
mod configuration;
mod dispatcher;
pub mod envelope;
mod extension;
mod forward;
mod front;
pub mod functions;
mod generation;
mod handler;
mod host_json;
mod http_envelope;
pub mod message;
mod port;
mod proxy;
mod readiness;
pub mod records;
pub mod reply;
mod restarts;
mod route;
mod script_host;
mod settings;
mod stage;
mod subscription;
mod target;
pub mod value;

pub use dispatcher::State;
pub use generation::Generation;
pub use script_host::Framing;
pub use settings::Settings;
pub use stage::Stage;
pub use subscription::{DeliveryOutcome, MAX_DELIVERY_COUNT_EXCEEDED, Settled, Subscription};

use crate::support::process::PATIENCE;
use axum::{
    body::Body,
    http::{Response, StatusCode},
};
use client::{HandlerClient, TransportError};
use functions::{DataType, Function, IndexingError};
use records::Records;
use rustix::process::{Pid, Signal, kill_process};
use script_host::ScriptHost;
use std::{
    collections::HashMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// `ScriptConstants.DefaultMaxRequestBodySize`.
const DEFAULT_BODY_LIMIT: usize = 104_857_600;

#[derive(Debug, Clone)]
pub struct Options {
    pub generation: Generation,
    /// The app settings. `AzureFunctionsJobHost__…` among them overrides host.json, and
    /// `FUNCTIONS_REQUEST_BODY_SIZE_LIMIT` is the most a client's body may have.
    pub settings: Settings,
    /// The function keys.
    pub keys: Vec<String>,
    pub framing: Framing,
    /// Whether there is a current activity, whose `traceparent` .NET's client sends.
    pub traceparent: bool,
    /// In place of every function's own.
    pub data_type: Option<DataType>,
    pub subscription: Subscription,
    /// `HttpClient.Timeout` is the `functionTimeout` and this.
    pub http_client_margin: Duration,
    /// The stand-in's own: a `GET /` that takes longer is complained of.
    pub slow_ping: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            generation: Generation::Proxying,
            settings: Settings::default(),
            keys: Vec::new(),
            framing: Framing::Chunked,
            traceparent: true,
            data_type: None,
            subscription: Subscription::default(),
            http_client_margin: Duration::from_mins(1),
            slow_ping: Duration::from_secs(5),
        }
    }
}

/// What all parts of one host use.
#[derive(Debug)]
struct Shared {
    options: Options,
    records: Arc<Records>,
    client: HandlerClient,
    current: RwLock<Option<Arc<ScriptHost>>>,
    /// Invocations that wait for their time-out, and why.
    hung: Mutex<HashMap<Uuid, &'static str>>,
    sequence_number: AtomicU64,
    stopping: CancellationToken,
}

impl Shared {
    fn script(&self) -> Arc<ScriptHost> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(current.as_ref().expect("a script host is set before anything asks for one"))
    }

    fn body_limit(&self) -> usize {
        self.options.settings.get("FUNCTIONS_REQUEST_BODY_SIZE_LIMIT").and_then(|text| text.parse().ok()).unwrap_or(DEFAULT_BODY_LIMIT)
    }

    fn hangs(&self, invocation: Uuid, what: &'static str) {
        self.hung.lock().unwrap_or_else(PoisonError::into_inner).insert(invocation, what);
    }

    fn why_it_hung(&self, invocation: Uuid) -> String {
        let what = self.hung.lock().unwrap_or_else(PoisonError::into_inner).remove(&invocation);
        what.map(|what| format!(": {what}, which completes nothing")).unwrap_or_default()
    }

    fn next_sequence_number(&self) -> u64 {
        self.sequence_number.fetch_add(1, Ordering::Relaxed) + 1
    }
}

/// The host. Dropped, it goes with its handler, by SIGKILL.
#[derive(Debug)]
pub struct FunctionsHost {
    shared: Arc<Shared>,
    listener: subscription::Listener,
    root: PathBuf,
    address: SocketAddr,
}

impl FunctionsHost {
    /// Starts on a staged folder; does not wait for the handler, as the host does not.
    ///
    /// # Errors
    /// What a host would not start with, in its words where they are known.
    pub async fn start(root: &Path, options: Options) -> Result<Self, String> {
        let shared = Arc::new(Shared {
            options,
            records: Arc::default(),
            client: HandlerClient::default(),
            current: RwLock::default(),
            hung: Mutex::default(),
            sequence_number: AtomicU64::default(),
            stopping: CancellationToken::new(),
        });
        shared.records.info(format!("stand-in of the Azure Functions host, version {}", shared.options.generation.version()));
        let script = Arc::new(ScriptHost::start(&shared, root)?);
        let listener = subscription::Listener::new(script.json.max_concurrent_calls);
        stop_with(&shared, &script);
        *shared.current.write().unwrap_or_else(PoisonError::into_inner) = Some(script);
        let address = front::start(&shared).await.map_err(|error| error.to_string())?;
        Ok(Self { shared, listener, root: root.to_owned(), address })
    }

    /// Where clients call, without a slash at the end.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where the handler listens.
    pub fn handler_port(&self) -> u16 {
        self.script().dispatcher.port
    }

    pub fn records(&self) -> &Records {
        &self.shared.records
    }

    pub fn complaints(&self) -> Vec<String> {
        self.shared.records.complaints()
    }

    pub fn functions(&self) -> Vec<Function> {
        self.script().functions.clone()
    }

    pub fn indexing_errors(&self) -> Vec<IndexingError> {
        self.script().errors.clone()
    }

    pub fn state(&self) -> State {
        self.script().dispatcher.state()
    }

    /// How many processes have been started, the one that runs included; of this script host.
    pub fn starts(&self) -> u32 {
        self.script().dispatcher.starts()
    }

    /// Waits until that many processes have been started.
    pub async fn started(&self, starts: u32) {
        in_time("another process", self.script().dispatcher.started(starts)).await;
    }

    /// Waits until the handler can be called.
    pub async fn ready(&self) -> Result<(), String> {
        self.script().dispatcher.ready().await.map(drop)
    }

    /// What `GET /admin/host/ping` does to the handler.
    pub async fn ping(&self) -> Result<(), TransportError> {
        self.script().ping().await
    }

    /// SIGKILL from outside, as when memory runs out; waits until the host has taken note of it.
    pub async fn kill_handler(&self) {
        let script = self.script();
        let (start, pid) = (script.dispatcher.starts(), script.dispatcher.pid());
        let pid = pid.and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?)).expect("the handler runs");
        kill_process(pid, Signal::KILL).unwrap();
        in_time("the end of the process", script.dispatcher.over(start)).await;
    }

    /// Waits until the host has given up, and says why.
    pub async fn stopped(&self) -> String {
        in_time("the end of the host", self.script().dispatcher.stopped()).await
    }

    /// A restart of the script host, as after a change of the settings (contract §2.7): the next handler is started
    /// before the last one is killed, unless host.json says otherwise. Until what is returned is ended, both run.
    pub async fn restart(&self) -> Result<Overlap, String> {
        let last = self.script();
        let is_sequential = last.json.sequential_restart || last.json.port.is_some();
        if is_sequential {
            last.dispatcher.stop().await;
        }
        let next = Arc::new(ScriptHost::start(&self.shared, &self.root)?);
        next.dispatcher.ready().await?;
        stop_with(&self.shared, &next);
        *self.shared.current.write().unwrap_or_else(PoisonError::into_inner) = Some(next);
        Ok(Overlap(last))
    }

    /// Stops as the host does: no word to the handler, then SIGKILL.
    pub async fn stop(self) {
        self.script().dispatcher.stop().await;
    }

    fn script(&self) -> Arc<ScriptHost> {
        self.shared.script()
    }
}

impl Drop for FunctionsHost {
    fn drop(&mut self) {
        self.shared.stopping.cancel();
        // The script host holds what holds the script host.
        *self.shared.current.write().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// The last handler, which still runs beside the next.
#[derive(Debug)]
pub struct Overlap(Arc<ScriptHost>);

impl Overlap {
    pub fn handler_port(&self) -> u16 {
        self.0.dispatcher.port
    }

    pub fn is_running(&self) -> bool {
        self.0.dispatcher.pid().is_some()
    }

    pub async fn end(self) {
        self.0.dispatcher.stop().await;
    }
}

/// When the current script host gives up, the whole host does.
fn stop_with(shared: &Arc<Shared>, script: &Arc<ScriptHost>) {
    let (shared, this, stopped) = (Arc::downgrade(shared), Arc::downgrade(script), script.dispatcher.stopped());
    tokio::spawn(async move {
        let reason = stopped.await;
        let (Some(shared), Some(this)) = (shared.upgrade(), this.upgrade()) else { return };
        if reason != dispatcher::ASKED_TO && Arc::ptr_eq(&shared.script(), &this) {
            shared.stopping.cancel();
        }
    });
}

async fn in_time<T>(what: &str, work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.unwrap_or_else(|_| panic!("not in time: {what}"))
}

fn answer(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// A random GUID.
pub fn guid() -> Uuid {
    uuid::Builder::from_random_bytes(fastrand::u128(..).to_be_bytes()).into_uuid()
}
