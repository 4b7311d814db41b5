//! `orders dev`: everything in one process, on a laptop with nothing installed.

use super::{
    emulator,
    serve::{self, Process, Signals},
};
use crate::{
    app::App,
    bus::service_bus::{ConnectionString, Login, Settings},
    clock::{Clock, SystemClock},
    config::{Config, Role},
    telemetry,
    work::sweep,
};
use anyhow::{Context, bail};
use servicebus_emulator::{Emulator, Options};
use std::{
    fs::{self, File, TryLockError},
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
};

pub async fn run(port: u16, data: PathBuf) -> anyhow::Result<()> {
    let role = Role::Dev { port, data: data.clone() };
    let mut config = Config::from_environment(&role)?;
    telemetry::start(telemetry::Form::Readable, &config.log_filter);
    let _lock = lock(&data)?;
    let signals = Signals::listen()?;
    let broker = if config.bus.is_some() { None } else { Some(broker(&mut config).await?) };
    let exporting = serve::observed(&role, &config)?;
    let process = Process::new(role, config)?;
    process.read_secrets().await?;
    let listener = process.listener().await?;
    process.app.store.migrate(SystemClock.now()).await?;
    if broker.is_some() {
        take_up(&process.app);
    }
    banner(listener.local_addr()?.port(), broker.as_ref().and_then(Emulator::amqp_address), &data);
    let served = process.serve(listener, signals).await;
    if let Some(broker) = broker {
        broker.stop().await;
    }
    if let Some(exporting) = exporting {
        exporting.end().await;
    }
    served
}

/// A Service Bus of our own in this process, on a free port, with the topic and the subscription that the settings name.
async fn broker(config: &mut Config) -> anyhow::Result<Emulator> {
    let options = Options {
        config: emulator::entities(&config.topic, &config.subscription),
        amqp: Some((Ipv4Addr::LOCALHOST, 0).into()),
        admin: None,
        ..Options::default()
    };
    let broker = servicebus_emulator::start(options).await.context("the bus in this process cannot start")?;
    let login = Login::ConnectionString(ConnectionString::parse(&broker.connection_string())?);
    config.bus = Some(Settings::new(login, config.topic.as_str(), config.subscription.as_str()));
    Ok(broker)
}

/// The broker is empty: what was published before and not received is known to the outbox alone.
fn take_up(app: &Arc<App>) {
    let (here, before) = (Arc::clone(app), app.now());
    app.background.spawn(async move {
        if let Err(error) = sweep::hand_over(&here, before).await {
            tracing::warn!(%error, "what was published before and not received waits for the sweep");
        }
    });
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
fn banner(port: u16, bus: Option<SocketAddr>, data: &Path) {
    let bus =
        bus.map_or_else(|| "the one that ServiceBus names".to_owned(), |address| format!("sb://{address}, an emulator in this process"));
    println!(
        "orders listens on http://localhost:{port}

  console   http://localhost:{port}/api/console
  docs      http://localhost:{port}/api/docs
  orders    http://localhost:{port}/api/orders
  data      {}
  bus       {bus}
  try       curl -i localhost:{port}/api/orders -H 'Content-Type: application/json' -d \\
              '{{\"customerName\":\"Ada\",\"currency\":\"EUR\",\"lines\":[{{\"sku\":\"TEA-1\",\"quantity\":2,\"unitPrice\":1250}}]}}'
",
        data.display()
    );
}
