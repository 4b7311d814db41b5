//! `orders functions`, `orders api`, `orders worker`: one process of a deployment.

use super::connections;
use crate::{
    app::App,
    bus::Bus,
    channels::{self, Channels},
    clock::SystemClock,
    config::{Config, Role},
    host::standalone,
    router, store, telemetry,
};
use anyhow::Context;
use axum::Router;
use std::{io, sync::Arc, time::Duration};
use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
};
use tokio_util::sync::CancellationToken;

/// How long requests and background work may go on after the signal to end.
const GRACE: Duration = Duration::from_secs(20);

pub async fn run(role: Role) -> anyhow::Result<()> {
    let config = Config::from_environment(&role)?;
    let signals = Signals::listen()?;
    telemetry::start(telemetry::Form::Json, &config.log_filter);
    let app = app(&config, None);
    let listener = TcpListener::bind(config.listen).await.with_context(|| format!("cannot listen on {}", config.listen))?;
    let stop = CancellationToken::new();
    let router = match role {
        Role::Functions => router::functions_host(Arc::clone(&app)),
        Role::Worker => router::worker(Arc::clone(&app)),
        Role::Api | Role::Dev { .. } | Role::Migrate => router::http(Arc::clone(&app), config.keys),
    };
    if role != Role::Functions {
        standalone::start(&app, None, &stop);
    }
    tracing::info!(address = %listener.local_addr()?, version = env!("CARGO_PKG_VERSION"), ?role, "listening");
    serve(listener, router, &app, &stop, signals).await
}

/// What the settings name, put together. Nothing is opened yet.
pub fn app(config: &Config, bus: Option<Arc<dyn Bus>>) -> Arc<App> {
    let channels = config.channels.iter().filter_map(|name| channels::open(name, &config.notify_file)).collect();
    let bus = bus.filter(|_| config.relay);
    let store = store::open_sqlite(&config.database);
    Arc::new(App::new(store, bus, Channels::new(channels), Arc::new(SystemClock), config.settings.clone()))
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

    async fn received(mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Serves until a signal to end, then lets what is under way finish within [`GRACE`].
pub async fn serve(
    listener: TcpListener,
    router: Router,
    app: &Arc<App>,
    stop: &CancellationToken,
    signals: Signals,
) -> anyhow::Result<()> {
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
