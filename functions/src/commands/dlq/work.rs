//! What is done with the messages that were put aside.

#![expect(clippy::print_stdout, reason = "what the operator asked for is the command's output")]

use super::{
    Item,
    letters::{self, Letters},
    selection::Selection,
};
use crate::{app::App, work::notify};
use anyhow::bail;
use std::{sync::Arc, time::Duration};

pub(super) async fn list(letters: &Letters<'_>, selection: &Selection, json: bool) -> anyhow::Result<()> {
    let items = selected(letters, selection).await?;
    if !json {
        println!("{:<10} {:<24} {:>5}  {:<36}  reason", "id", "since", "tries", "message id");
    }
    for item in &items {
        println!("{}", if json { item.json(None)? } else { item.line() });
    }
    Ok(())
}

pub(super) async fn show(letters: &Letters<'_>, id: &str) -> anyhow::Result<()> {
    if let Some(item) = selected(letters, &Selection::one(id)).await?.first()
        && let Some(body) = letters.body(item.place).await?
    {
        println!("{}", item.json(Some(&body))?);
        return Ok(());
    }
    bail!("there is no {id}; `orders dlq list` gives the ids")
}

pub(super) async fn replay(app: &Arc<App>, letters: &Letters<'_>, selection: &Selection, dry_run: bool, rate: u32) -> anyhow::Result<()> {
    let items = chosen(letters, selection).await?;
    if dry_run {
        rehearse(&items, "would be handed to Notify");
        return Ok(());
    }
    let count = items.len();
    let mut rhythm = tokio::time::interval(Duration::from_secs(1) / rate);
    let mut hand_over = async |item: &Item, body: &[u8]| -> anyhow::Result<bool> {
        rhythm.tick().await;
        let outcome = notify::again(app, body).await?;
        match &outcome {
            Ok(()) => println!("{}  handed to Notify", item.place),
            Err(reason) => println!("{}  stays: {reason}", item.place),
        }
        Ok(outcome.is_ok())
    };
    let (in_queue, in_table) = letters::part(items);
    let mut done = letters.take(in_queue, &mut hand_over).await?;
    for item in &in_table {
        let Some(body) = letters.body(item.place).await? else { continue };
        if hand_over(item, &body).await? {
            letters.forget(Some(item)).await?;
            done += 1;
        }
    }
    // The attempts to tell the customer go on behind; what they do not finish is due again when their leases end.
    app.background.close();
    app.background.wait().await;
    println!("{done} of {count} done");
    all_or_fail(done, count)
}

pub(super) async fn purge(letters: &Letters<'_>, selection: &Selection, dry_run: bool) -> anyhow::Result<()> {
    let items = chosen(letters, selection).await?;
    if dry_run {
        rehearse(&items, "would be removed");
        return Ok(());
    }
    let count = items.len();
    let (in_queue, in_table) = letters::part(items);
    let mut done = letters.take(in_queue, async |_: &Item, _: &[u8]| Ok(true)).await?;
    for item in &in_table {
        letters.forget(Some(item)).await?;
        done += 1;
    }
    println!("{done} of {count} removed");
    all_or_fail(done, count)
}

/// A script sees by the exit code that something stays.
fn all_or_fail(done: usize, count: usize) -> anyhow::Result<()> {
    if done < count {
        bail!("{} of {count} stay where they are", count - done);
    }
    Ok(())
}

fn rehearse(items: &[Item], what: &str) {
    for item in items {
        println!("{}  {what}", item.place);
    }
    println!("{} in all; nothing was done", items.len());
}

/// For what changes something: which messages are meant has to be said.
async fn chosen(letters: &Letters<'_>, selection: &Selection) -> anyhow::Result<Vec<Item>> {
    if selection.is_open() {
        bail!("say which messages: ids, --reason, --older-than, --newer-than, or --all");
    }
    selected(letters, selection).await
}

async fn selected(letters: &Letters<'_>, selection: &Selection) -> anyhow::Result<Vec<Item>> {
    selection.check()?;
    letters.find(selection).await
}
