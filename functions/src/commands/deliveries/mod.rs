//! `orders deliveries`: what became of notifications, and what an operator decides of them.

mod selection;
mod shown;

pub use selection::Selection;

use super::serve;
use crate::{
    app::App,
    domain::id::DeliveryId,
    store::ledger::{Decision, Entry, State, Wanted},
};
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
        Command::List { selection, json } => {
            let found = selection.find(&app, &[]).await?;
            shown::list(&found.entries, json)?;
            found.complain()
        }
        Command::Show { id, json } => show(&app, &id, json).await,
        Command::Retry { selection, order } => decide(&app, &selection, &order, Decision::Reopened).await,
        Command::Abandon { selection, order } => decide(&app, &selection, &order, Decision::Abandoned).await,
    }
}

async fn show(app: &App, id: &str, json: bool) -> anyhow::Result<()> {
    let found = Selection::one(id).find(app, &[]).await?;
    let Some(entry) = found.entries.into_iter().next() else { bail!("there is no delivery {id}; `orders deliveries list` gives the ids") };
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
    let found = selection.find(app, usual).await?;
    let open: Vec<_> = found.entries.iter().filter(|entry| decision.takes(entry.state)).map(|entry| entry.id).collect();
    if order.dry_run {
        for Entry { id, state, channel, reason, .. } in &found.entries {
            if open.contains(id) {
                println!("{id}  {would}  {channel} {}  {}", state.as_str(), reason.as_deref().unwrap_or("-").escape_debug());
            } else {
                println!("{id}  {}", stays(*state));
            }
        }
        println!("{} {would}", open.len());
        return found.complain();
    }
    let decided = app.store.decide(open.clone(), decision, order.because.clone(), app.now()).await?;
    let late = now(app, open.into_iter().filter(|id| !decided.contains(id)).collect()).await?;
    for entry in &found.entries {
        let id = entry.id;
        let state = late.iter().find(|late| late.id == id).map_or(entry.state, |late| late.state);
        println!("{id}  {}", if decided.contains(&id) { done } else { stays(state) });
    }
    println!("{} of {} done", decided.len(), found.entries.len() + found.missing.len());
    found.complain()
}

/// As they have become since they were looked for.
async fn now(app: &App, ids: Vec<DeliveryId>) -> anyhow::Result<Vec<Entry>> {
    if ids.is_empty() {
        return Ok(vec![]);
    }
    let limit = u32::try_from(ids.len())?;
    Ok(app.store.deliveries(&Wanted { ids, limit, ..Wanted::default() }).await?)
}

/// Why nothing was decided about a delivery in this state.
fn stays(state: State) -> &'static str {
    match state {
        State::Succeeded => "stays: it has succeeded",
        State::Sending => "stays: an attempt is under way",
        State::Failed => "stays: it has failed already",
        State::Unknown => "stays: it is given up already, as unknown",
        State::Abandoned => "stays: it is abandoned already",
        State::Pending | State::Paused => "stays: something else was decided meanwhile",
    }
}
