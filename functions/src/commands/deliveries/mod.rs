//! `orders deliveries`: what became of notifications, and what an operator decides of them.

mod selection;
mod shown;

pub use selection::Selection;

use super::serve;
use crate::{app::App, store::ledger::Decision};
use anyhow::bail;
use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Lists notifications, newest first
    List {
        #[command(flatten)]
        selection: Selection,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Shows one notification with all its attempts
    Show {
        /// As `list` gives it
        id: String,
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
    /// Has further attempts made, from now on and for a whole horizon; without ids and states, at what failed or is unknown
    Retry {
        #[command(flatten)]
        selection: Selection,
        #[command(flatten)]
        order: Order,
    },
    /// Has no further attempts made; without ids and states, at what is pending or paused
    Abandon {
        #[command(flatten)]
        selection: Selection,
        #[command(flatten)]
        order: Order,
    },
}

#[derive(Debug, clap::Args)]
pub struct Order {
    /// Why, for the timeline
    #[arg(long, value_name = "TEXT", default_value = "an operator decided so")]
    because: String,
    /// Only says what would be done
    #[arg(long)]
    dry_run: bool,
}

pub async fn run(command: Command) -> anyhow::Result<()> {
    let (app, _) = serve::operator().await?;
    match command {
        Command::List { selection, json } => shown::list(&app.store.deliveries(&selection.wanted(&[])?).await?, json),
        Command::Show { id, json } => show(&app, &id, json).await,
        Command::Retry { selection, order } => decide(&app, &selection, &order, Decision::Reopened).await,
        Command::Abandon { selection, order } => decide(&app, &selection, &order, Decision::Abandoned).await,
    }
}

async fn show(app: &App, id: &str, json: bool) -> anyhow::Result<()> {
    let found = app.store.deliveries(&Selection::one(id).wanted(&[])?).await?;
    let Some(entry) = found.into_iter().next() else { bail!("there is no delivery {id}; `orders deliveries list` gives the ids") };
    let steps = app.store.steps(entry.id).await?;
    let outages = if entry.endpoint.is_some() { app.store.outages().await? } else { vec![] };
    let outage = outages.into_iter().find(|outage| Some(&outage.endpoint) == entry.endpoint.as_ref());
    shown::one(&entry, &steps, outage.as_ref(), json)
}

#[expect(clippy::print_stdout, reason = "what was done is the command's output")]
async fn decide(app: &App, selection: &Selection, order: &Order, decision: Decision) -> anyhow::Result<()> {
    if selection.is_open() {
        bail!("say which: ids, filters, or --all");
    }
    let (usual, done, would) = match decision {
        Decision::Reopened => (selection::GIVEN_UP, "will be tried again", "would be tried again"),
        Decision::Abandoned | Decision::GivenUp => (selection::WAITING, "is abandoned", "would be abandoned"),
    };
    let entries = app.store.deliveries(&selection.wanted(usual)?).await?;
    if order.dry_run {
        for entry in &entries {
            println!("{}  {would}  {} {}  {}", entry.id, entry.channel, entry.state.as_str(), entry.reason.as_deref().unwrap_or("-"));
        }
        println!("{} {would}", entries.len());
        return Ok(());
    }
    let ids: Vec<_> = entries.iter().map(|entry| entry.id).collect();
    let decided = app.store.decide(ids.clone(), decision, order.because.clone(), app.now()).await?;
    for id in &ids {
        println!("{id}  {}", if decided.contains(id) { done } else { "stays: it is under way, or was decided meanwhile" });
    }
    println!("{} of {} done", decided.len(), ids.len());
    Ok(())
}
