//! `orders dev`: everything in one process, on a laptop with nothing installed.

use super::serve::{self, Signals};
use crate::{
    bus,
    clock::{Clock, SystemClock},
    config::{Config, Role},
    host::standalone,
    router, telemetry,
    work::sweep,
};
use anyhow::{Context, bail};
use std::{
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub async fn run(port: u16, data: PathBuf) -> anyhow::Result<()> {
    let config = Config::from_environment(&Role::Dev { port, data: data.clone() })?;
    telemetry::start(telemetry::Form::Readable, &config.log_filter);
    let _lock = lock(&data)?;
    let signals = Signals::listen()?;
    let listener = TcpListener::bind(config.listen)
        .await
        .with_context(|| format!("cannot listen on {}; choose another with --port", config.listen))?;
    let (bus, subscription) = bus::in_process();
    let app = serve::app(&config, Some(bus));
    app.store.migrate(SystemClock.now()).await?;
    // The bus is empty: what was published before and not received is known to the outbox alone.
    sweep::hand_over(&app, app.now()).await?;
    let stop = CancellationToken::new();
    standalone::start(&app, Some(subscription), &stop);
    banner(listener.local_addr()?.port(), &data);
    serve::serve(listener, router::http(Arc::clone(&app), config.keys), &app, &stop, signals).await
}

/// Two of us on one folder would each have a bus that the other does not see.
fn lock(data: &Path) -> anyhow::Result<File> {
    fs::create_dir_all(data).with_context(|| format!("cannot make the folder {}", data.display()))?;
    let file = File::create(data.join("lock")).with_context(|| format!("cannot write into {}", data.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => bail!("another `orders dev` uses the folder {}; choose another with --data", data.display()),
        Err(TryLockError::Error(error)) => Err(error).context("cannot lock the folder"),
    }
}

#[expect(clippy::print_stdout, reason = "the banner is for the person who typed the command, not for a log")]
fn banner(port: u16, data: &Path) {
    println!(
        "orders listens on http://localhost:{port}

  docs      http://localhost:{port}/api/docs
  orders    http://localhost:{port}/api/orders
  data      {}
  try       curl -i localhost:{port}/api/orders -H 'Content-Type: application/json' -d \\
              '{{\"customerName\":\"Ada\",\"currency\":\"EUR\",\"lines\":[{{\"sku\":\"TEA-1\",\"quantity\":2,\"unitPrice\":1250}}]}}'
",
        data.display()
    );
}
