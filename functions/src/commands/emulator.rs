//! `orders emulator`: the Service Bus that `orders dev` has in itself, alone, for others to use.

use super::serve::Signals;
use anyhow::Context;
use clap::Args;
use servicebus_emulator::{
    Options,
    config::{Config, EntityProperties, SubscriptionConfig, TopicConfig},
};
use std::{fs, net::Ipv4Addr, path::PathBuf, time::Duration};

#[derive(Debug, Args)]
pub struct Arguments {
    /// Queues, topics and subscriptions in the form of Microsoft's Config.json; without it, one topic and one subscription as the settings name them
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// AMQP
    #[arg(long, default_value_t = 5672)]
    port: u16,
    /// Administration over HTTP
    #[arg(long, default_value_t = 5300)]
    admin_port: u16,
    /// Where messages are kept over a restart; without it they are in memory alone
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
    /// Sends everything so much later, as in 20ms: what a broker far away is like
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    delay: Option<Duration>,
}

pub async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let config = if let Some(path) = arguments.config {
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Config::parse(&text).with_context(|| path.display().to_string())?
    } else {
        let (topic, subscription) = crate::config::entities()?;
        entities(&topic, &subscription)
    };
    let signals = Signals::listen()?;
    let options = Options {
        config,
        amqp: Some((Ipv4Addr::LOCALHOST, arguments.port).into()),
        admin: Some((Ipv4Addr::LOCALHOST, arguments.admin_port).into()),
        data: arguments.data,
        ..Options::default()
    };
    let emulator = servicebus_emulator::start(options).await?;
    emulator.faults().delay_writes(arguments.delay.unwrap_or_default());
    banner(&emulator.connection_string(), emulator.admin_address().map(|address| address.port()));
    signals.received().await;
    emulator.stop().await;
    Ok(())
}

/// A topic with one subscription.
pub(super) fn entities(topic: &str, subscription: &str) -> Config {
    let subscription = SubscriptionConfig { name: subscription.to_owned(), properties: EntityProperties::default(), rules: vec![] };
    let topic = TopicConfig { name: topic.to_owned(), properties: EntityProperties::default(), subscriptions: vec![subscription] };
    Config { topics: vec![topic], ..Config::default() }
}

#[expect(clippy::print_stdout, reason = "the connection string is what the person who typed the command needs")]
fn banner(connection_string: &str, admin: Option<u16>) {
    println!("ServiceBus={connection_string}");
    if let Some(port) = admin {
        println!("administration: http://localhost:{port}");
    }
}
