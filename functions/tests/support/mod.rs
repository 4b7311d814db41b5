//! A whole service inside the test: the real router, a real SQLite file, a bus in memory, a clock that is set by hand.

pub mod backend;
pub mod bus;
pub mod channel;
pub mod client;
pub mod clock;
pub mod collector;
pub mod functions_host;
pub mod https;
pub mod log;
pub mod process;
pub mod sql_server;
pub mod tds;
pub mod tls;
pub mod turns;
pub mod vault;

use channel::Recorder;
use clock::ManualClock;
use orders::{
    app::{App, Settings},
    bus::{Bus, Settlement, Subscription},
    channels::Channels,
    domain::timestamp::Timestamp,
    router,
    store::{self, Store},
    work::{notify, relay, sweep},
};
use std::sync::Arc;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// Where every test's clock begins: 2026-03-02T10:15:30Z.
pub const START: i64 = 1_772_446_530_000;

pub struct Service {
    pub app: Arc<App>,
    pub router: axum::Router,
    pub clock: Arc<ManualClock>,
    pub channel: Arc<Recorder>,
    pub bus: Arc<dyn Bus>,
    pub subscription: Arc<dyn Subscription>,
    pub folder: Arc<TempDir>,
}

impl Service {
    pub async fn start() -> Self {
        Self::with(Settings { default_channels: vec!["recorder".into()], ..Settings::default() }).await
    }

    pub async fn with(settings: Settings) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        Self::on(folder, settings).await
    }

    /// Another process, as it were, on the same file.
    pub async fn on(folder: Arc<TempDir>, settings: Settings) -> Self {
        let store = store::open_sqlite(&folder.path().join("orders.sqlite"));
        Self::on_store(store, folder, settings).await
    }

    pub async fn on_store(store: Arc<dyn Store>, folder: Arc<TempDir>, settings: Settings) -> Self {
        let bus = Arc::new(bus::InMemory::default());
        let subscription = Arc::clone(&bus) as Arc<dyn Subscription>;
        let bus = bus as Arc<dyn Bus>;
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(START)));
        let channel = Arc::new(Recorder::default());
        store.migrate(Timestamp::from_millis(START)).await.unwrap();
        let channels = Channels::new(vec![Arc::clone(&channel) as _]);
        let app = Arc::new(App::new(store, Some(Arc::clone(&bus)), channels, Arc::clone(&clock) as _, settings));
        let router = router::functions_host(Arc::clone(&app));
        Self { app, router, clock, channel, bus, subscription, folder }
    }

    /// Publishes all that is due; says how many events that were.
    pub async fn relay(&self) -> usize {
        relay::drain(&self.app, self.bus.as_ref(), &CancellationToken::new()).await.unwrap()
    }

    /// Hands `count` waiting messages to Notify and waits for the attempts that this starts.
    pub async fn receive(&self, count: usize) -> Vec<notify::Taken> {
        let mut taken = Vec::new();
        for _ in 0..count {
            let delivered = self.subscription.receive().await.unwrap();
            let id = delivered.message.id.as_deref();
            taken.push(notify::take(&self.app, &delivered.message.body, id, delivered.delivery_count).await.unwrap());
            self.subscription.settle(delivered, Settlement::Complete).await.unwrap();
        }
        self.settled().await;
        taken
    }

    pub async fn sweep(&self) -> sweep::Report {
        let report = sweep::once(&self.app).await.unwrap();
        self.settled().await;
        report
    }

    /// Waits until nothing goes on in the background.
    pub async fn settled(&self) {
        self.app.background.close();
        self.app.background.wait().await;
        self.app.background.reopen();
    }
}
