//! `orders suppressions`: the addresses that no e-mail is sent to.

#![expect(clippy::print_stdout, reason = "what the operator asked for is the command's output")]

use super::{serve, table::table};
use crate::{
    app::App,
    channels::email,
    domain::suppression::{Suppression, folded},
};
use anyhow::bail;
use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Lists the addresses
    List {
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// From now on nothing is sent to this address, whatever the case of its letters
    Add {
        address: String,
        /// Stands in the reason of each delivery that is not sent
        #[arg(long, default_value = "by an operator")]
        reason: String,
    },
    /// From now on e-mail is sent to this address again; what failed meanwhile is not sent by itself
    Remove { address: String },
}

pub async fn run(command: Command) -> anyhow::Result<()> {
    let (app, _) = serve::operator().await?;
    match command {
        Command::List { json } => list(&app, json).await,
        Command::Add { address, reason } => add(&app, &address, reason).await,
        Command::Remove { address } => remove(&app, &address).await,
    }
}

async fn list(app: &App, json: bool) -> anyhow::Result<()> {
    let suppressions = app.store.suppressions(Some(email::NAME.into())).await?;
    if json {
        for suppression in &suppressions {
            println!("{}", serde_json::to_string(suppression)?);
        }
    } else {
        let rows: Vec<_> = suppressions.into_iter().map(|row| [row.at.to_string(), row.address, row.reason]).collect();
        println!("{}", table(["since", "address", "reason"], &rows));
    }
    Ok(())
}

async fn add(app: &App, address: &str, reason: String) -> anyhow::Result<()> {
    let address = folded(address);
    if !address.split_once('@').is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty()) {
        bail!("{address:?} is no e-mail address");
    }
    let suppression = Suppression { channel: email::NAME.into(), address: address.clone(), reason, at: app.now() };
    if app.store.add_suppression(suppression).await? {
        println!("{address} is suppressed");
    } else {
        println!("{address} was suppressed already, and keeps its first reason");
    }
    Ok(())
}

async fn remove(app: &App, address: &str) -> anyhow::Result<()> {
    let address = folded(address);
    if !app.store.remove_suppression(email::NAME.into(), address.clone()).await? {
        bail!("{address} is not suppressed; `orders suppressions list` gives those that are");
    }
    println!("{address} is not suppressed any more");
    Ok(())
}
