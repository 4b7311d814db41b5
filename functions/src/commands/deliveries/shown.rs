//! Notifications as an operator sees them.

#![expect(clippy::print_stdout, reason = "what the operator asked for is the command's output")]

use super::super::table::{or_dash, table};
use crate::store::ledger::{Entry, Outage, State, Step};
use serde::Serialize;

pub(super) fn list(entries: &[Entry], json: bool) -> anyhow::Result<()> {
    if json {
        for entry in entries {
            println!("{}", serde_json::to_string(entry)?);
        }
        return Ok(());
    }
    let row = |entry: &Entry| {
        [
            entry.id.to_string(),
            state(entry),
            entry.channel.clone(),
            or_dash(Some(&entry.recipient).filter(|recipient| !recipient.is_empty())),
            entry.attempts.to_string(),
            entry.order_id.to_string(),
            entry.last_at.unwrap_or(entry.created_at).to_string(),
            or_dash(next(entry)),
            or_dash(entry.reason.as_ref()),
        ]
    };
    let rows: Vec<_> = entries.iter().map(row).collect();
    println!("{}", table(["delivery", "state", "channel", "to", "tries", "order", "last", "next", "reason"], &rows));
    Ok(())
}

/// Of what is told nothing is in doubt any more.
fn state(entry: &Entry) -> String {
    let in_doubt = entry.doubt.is_some() && !matches!(entry.state, State::Succeeded | State::Unknown);
    format!("{}{}", entry.state.as_str(), if in_doubt { ", in doubt" } else { "" })
}

fn next(entry: &Entry) -> Option<String> {
    matches!(entry.state, State::Pending | State::Paused).then(|| entry.next_attempt_at.to_string())
}

#[derive(Serialize)]
struct Whole<'a> {
    #[serde(flatten)]
    entry: &'a Entry,
    steps: &'a [Step],
    #[serde(skip_serializing_if = "Option::is_none")]
    outage: Option<&'a Outage>,
}

pub(super) fn one(entry: &Entry, steps: &[Step], outage: Option<&Outage>, json: bool) -> anyhow::Result<()> {
    if json {
        println!("{}", serde_json::to_string_pretty(&Whole { entry, steps, outage })?);
        return Ok(());
    }
    let facts = [
        ("order", Some(format!("{} version {}", entry.order_id, entry.version))),
        ("channel", Some(entry.channel.clone())),
        ("recipient", Some(entry.recipient.escape_debug().to_string())),
        ("state", Some(entry.state.as_str().to_owned())),
        ("in doubt", entry.doubt.map(|attempt| format!("attempt {attempt}"))),
        ("provider calls it", entry.provider_ref.clone().or_else(|| entry.provider_id.clone())),
        ("next attempt", next(entry)),
        ("endpoint is down", outage.map(|outage| format!("since {}: {}", outage.opened_at, outage.reason.escape_debug()))),
    ];
    for (name, fact) in facts {
        if let Some(fact) = fact {
            println!("{name:<18} {fact}");
        }
    }
    let row = |step: &Step| {
        let next = or_dash(step.next_attempt_at);
        [step.at.to_string(), or_dash(step.attempt), step.what.clone(), next, or_dash(step.reason.as_ref())]
    };
    let rows: Vec<_> = steps.iter().map(row).collect();
    println!("\n{}", table(["at", "try", "what", "next", "reason"], &rows));
    Ok(())
}
