//! `orders timeline`: what happened to an order, in the terminal.

#![expect(clippy::print_stdout, reason = "what the operator asked for is the command's output")]

use super::{
    serve,
    table::{or_dash, table},
};
use crate::{
    config::{Config, Role},
    domain::{id::OrderId, timeline::Entry},
    telemetry,
};
use anyhow::{Context, bail};
use uuid::Uuid;

pub async fn run(order: &str, json: bool) -> anyhow::Result<()> {
    let config = Config::from_environment(&Role::Operator)?;
    telemetry::start_aside();
    let app = serve::app(&config, None);
    let id = Uuid::parse_str(order).with_context(|| format!("{order:?} is no order's id"))?;
    let Some(timeline) = app.store.timeline(OrderId(id)).await? else { bail!("there is no order {id}") };
    if json {
        println!("{}", serde_json::to_string_pretty(&timeline)?);
        return Ok(());
    }
    let mut rows = Vec::new();
    for entry in &timeline.entries {
        let Entry { at, kind, channel, endpoint, attempt, reason, next_attempt_at } = entry;
        let kind = serde_json::to_value(kind)?.as_str().unwrap_or_default().to_owned();
        rows.push([
            at.to_string(),
            kind,
            or_dash(channel.as_ref().map(|channel| match endpoint {
                Some(endpoint) => format!("{channel}:{endpoint}"),
                None => channel.clone(),
            })),
            or_dash(*attempt),
            or_dash(*next_attempt_at),
            or_dash(reason.as_ref()),
        ]);
    }
    println!("{}", table(["at", "what", "channel", "try", "next", "reason"], &rows));
    Ok(())
}
