//! `orders dlq`: the messages that were put aside, on the broker and in `rejected_messages`, in one list.

mod item;
mod letters;
mod oldest;
mod selection;
mod work;

pub use selection::Selection;

use super::serve;
use crate::{
    bus::service_bus::ServiceBusClient,
    config::{Config, Role},
    telemetry,
};
use clap::Subcommand;
use item::Item;
use letters::Letters;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Lists the messages that were put aside, oldest first
    List {
        #[command(flatten)]
        selection: Selection,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Shows one of them whole
    Show {
        /// As `list` gives it
        id: String,
    },
    /// Hands them to Notify, in place: nothing is sent to the topic, so no other subscriber sees them again
    Replay {
        #[command(flatten)]
        selection: Selection,
        /// Only says what would be done
        #[arg(long)]
        dry_run: bool,
        /// At most so many a second
        #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        rate: u32,
    },
    /// Removes them for good
    Purge {
        #[command(flatten)]
        selection: Selection,
        /// Only says what would be done
        #[arg(long)]
        dry_run: bool,
    },
}

pub async fn run(command: Command) -> anyhow::Result<()> {
    let role = if matches!(command, Command::Replay { .. }) { Role::Replay } else { Role::Operator };
    let config = Config::from_environment(&role)?;
    telemetry::start_aside();
    if let (Command::Replay { .. }, Some(vault)) = (&command, &config.vault) {
        // What is replayed is told to customers by this process.
        vault.read().await?;
    }
    let client = serve::bus(&config)?;
    if client.is_none() {
        tracing::warn!("no Service Bus is named, by ServiceBus or otherwise: what lies in its dead-letter queue is left out");
    }
    let app = serve::app(&config, None);
    app.store.schema().await?;
    let letters = Letters::new(client.as_ref().map(ServiceBusClient::dead_letter_queue), &app);
    let done = match command {
        Command::List { selection, json } => work::list(&letters, &selection, json).await,
        Command::Show { id } => work::show(&letters, &id).await,
        Command::Replay { selection, dry_run, rate } => work::replay(&app, &letters, &selection, dry_run, rate).await,
        Command::Purge { selection, dry_run } => work::purge(&letters, &selection, dry_run).await,
    };
    letters.close().await;
    if let Some(client) = client {
        client.close().await;
    }
    done
}
