//! `orders functions`, `orders api`, `orders worker`: one process of a deployment.

use super::connections;
use crate::{
    app::App,
    bus::{Bus, Subscription, service_bus::ServiceBusClient},
    channels::{self, Channels},
    clock::{Clock, SystemClock},
    config::{Config, Role, keyring},
    host::standalone,
    router,
    store::{self, Store},
    telemetry::{self, Exporting},
    work::{directory::StoreDirectory, relay},
};
use anyhow::Context;
use axum::Router;
use std::{io, sync::Arc, time::Duration};
use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
};
use tokio_util::sync::CancellationToken;

/// How long the broker is waited for at the very end.
const LEAVE: Duration = Duration::from_secs(2);
/// How long requests and background work may go on after the signal to end.
const GRACE: Duration = Duration::from_secs(20);

pub async fn run(role: Role) -> anyhow::Result<()> {
    let config = Config::from_environment(&role)?;
    let signals = Signals::listen()?;
    telemetry::start(telemetry::Form::Json, &config.log_filter);
    let exporting = observed(&role, &config)?;
    let process = Process::new(role, config)?;
    process.read_secrets().await?;
    let listener = process.listener().await?;
    tracing::info!(address = %listener.local_addr()?, version = env!("CARGO_PKG_VERSION"), role = ?process.role, "listening");
    let served = process.serve(listener, signals).await;
    if let Some(exporting) = exporting {
        exporting.end().await;
    }
    served
}

/// Traces and metrics go out from here on, where somebody collects them.
pub fn observed(role: &Role, config: &Config) -> anyhow::Result<Option<Exporting>> {
    let Some(collectors) = &config.collectors else { return Ok(None) };
    let exporting = telemetry::export(collectors, role.name()).map_err(anyhow::Error::msg)?;
    Ok(Some(exporting))
}

/// What the settings name, put together. Nothing is opened yet.
#[derive(Debug)]
pub struct Process {
    pub app: Arc<App>,
    role: Role,
    config: Config,
    client: Option<ServiceBusClient>,
}

impl Process {
    pub fn new(role: Role, config: Config) -> anyhow::Result<Self> {
        let client = bus(&config)?;
        if client.is_none() {
            tell_of_no_bus(&role);
        }
        let publisher = client.as_ref().filter(|_| config.relay).map(|client| client.sender() as Arc<dyn Bus>);
        Ok(Self { app: app(&config, publisher), role, config, client })
    }

    /// To be done before a port is bound, so that nobody is answered without the secrets that it takes.
    ///
    /// # Errors
    /// One sentence, when a secret cannot be had. Not under the Functions host: it gives a process that does not answer up,
    /// and what it calls does without, but for the attempts to tell a customer over a channel with a secret. They are made
    /// again later.
    pub async fn read_secrets(&self) -> anyhow::Result<()> {
        match &self.config.vault {
            Some(vault) if self.role != Role::Functions => vault.read().await?,
            _ => return Ok(()),
        }
        Ok(self.config.keys_apart()?)
    }

    pub async fn listener(&self) -> anyhow::Result<TcpListener> {
        let address = self.config.listen;
        TcpListener::bind(address).await.with_context(|| match self.role {
            Role::Dev { .. } => format!("cannot listen on {address}; choose another with --port"),
            _ => format!("cannot listen on {address}"),
        })
    }

    /// Does all that the role does until a signal to end, and takes leave of the broker.
    pub async fn serve(self, listener: TcpListener, signals: Signals) -> anyhow::Result<()> {
        let Self { app, role, config, client } = self;
        let stop = CancellationToken::new();
        telemetry::observe(&app);
        if let Some(vault) = config.vault {
            let token = stop.clone();
            app.background.spawn(async move { vault.keep(&token).await });
        }
        let router = match role {
            Role::Functions => router::functions_host(Arc::clone(&app)),
            Role::Worker => router::worker(Arc::clone(&app)),
            Role::Api | Role::Dev { .. } | Role::Migrate | Role::Operator | Role::Replay => router::http(Arc::clone(&app), config.keys),
        };
        if role == Role::Functions {
            // The host's trigger receives, and its timer sweeps.
            relay::start(&app, &stop);
        } else {
            let receives = client.as_ref().filter(|_| matches!(role, Role::Worker | Role::Dev { .. }));
            let subscription = receives.map(|client| (client.receiver() as Arc<dyn Subscription>, config.concurrency as usize));
            standalone::start(&app, subscription, &stop);
        }
        serve(listener, router, &app, &stop, signals).await?;
        if let Some(publisher) = &app.bus {
            publisher.close(LEAVE).await;
        }
        if let Some(client) = client {
            client.close().await;
        }
        Ok(())
    }
}

fn tell_of_no_bus(role: &Role) {
    if *role == Role::Worker {
        tracing::error!("no Service Bus is named, by ServiceBus or otherwise: this worker receives nothing, and events stay in the outbox");
    } else {
        tracing::warn!("no Service Bus is named: events stay in the outbox");
    }
}

/// The one client of this process, where a bus is named.
pub fn bus(config: &Config) -> anyhow::Result<Option<ServiceBusClient>> {
    let Some(settings) = config.bus.clone() else { return Ok(None) };
    let client = ServiceBusClient::new(settings, Arc::new(|| SystemClock.now())).context("Service Bus cannot be used")?;
    Ok(Some(client))
}

/// What an operator's command works with: the settings of the service, on a schema that is enough. Its log goes to stderr.
pub(super) async fn operator() -> anyhow::Result<(Arc<App>, Config)> {
    let config = Config::from_environment(&Role::Operator)?;
    telemetry::start_aside();
    let app = app(&config, None);
    app.store.schema().await?;
    Ok((app, config))
}

/// What the settings name, put together. Nothing is opened yet.
pub fn app(config: &Config, bus: Option<Arc<dyn Bus>>) -> Arc<App> {
    let store = store::open(&config.database);
    let setup = setup(config, &store);
    let channels = config.channels.iter().filter_map(|name| channels::open(name, &setup)).collect();
    Arc::new(App::new(store, bus, Channels::new(channels), Arc::new(SystemClock), config.settings.clone()))
}

/// What channels are made from.
pub fn setup<'c>(config: &'c Config, store: &Arc<dyn Store>) -> channels::Setup<'c> {
    let now: channels::Now = Arc::new(|| SystemClock.now());
    channels::Setup {
        file: &config.notify_file,
        email: config.email.as_ref(),
        webhook: &config.webhook,
        directory: Arc::new(StoreDirectory::new(Arc::clone(store), Arc::clone(&now))),
        keyring: keyring(config.vault.clone()),
        now,
    }
}

/// The signals to end. They are listened for before the process says that it is there: one that comes at once is heard.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    pub fn listen() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Waits for one of them.
    pub async fn received(mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Serves until a signal to end, then lets what is under way finish within [`GRACE`].
async fn serve(listener: TcpListener, router: Router, app: &Arc<App>, stop: &CancellationToken, signals: Signals) -> anyhow::Result<()> {
    let (draining, token) = (Arc::clone(app), stop.clone());
    tokio::spawn(async move {
        signals.received().await;
        tracing::info!("draining");
        draining.start_draining();
        token.cancel();
    });
    let late = async {
        stop.cancelled().await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        () = connections::serve(listener, router, stop) => {}
        () = late => tracing::warn!("requests were still under way at the end of the grace period"),
    }
    app.background.close();
    if tokio::time::timeout(GRACE, app.background.wait()).await.is_err() {
        tracing::warn!("work was still under way at the end of the grace period; its leases will run out");
    }
    tracing::info!("ended");
    Ok(())
}
