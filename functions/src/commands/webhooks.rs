//! `orders webhooks`: whom the operator has told by webhook.

#![expect(clippy::print_stdout, reason = "what the operator asked for is the command's output")]

use super::{serve, table::table};
use crate::{
    app::App,
    channels::webhook,
    config::{Config, keyring},
    domain::{
        attempt::Attempt,
        delivery::News,
        timestamp::Timestamp,
        webhook::{Endpoint, KEY_PREFIX, VAULT_PREFIX, circuit, is_key_name, is_name},
    },
    store::ledger::Outage,
};
use anyhow::{anyhow, bail};
use clap::Subcommand;
use serde::Serialize;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Registers an endpoint, or replaces the one of that name; the service notices within 10 seconds
    Add {
        /// 1 to 64 of a-z, 0-9, - and _
        name: String,
        /// Where it is: https://…
        url: String,
        /// The setting `WEBHOOK_KEY_…`, or the secret keyvault:NAME, that holds its key; never the key itself
        #[arg(long, value_name = "NAME")]
        key: String,
        /// What it is told of, of: order.created, order.confirmed, order.shipped, order.delivered, order.cancelled;
        /// without, what customers are told of: created, shipped, cancelled
        #[arg(long, value_name = "TYPE", value_parser = event_type, value_delimiter = ',')]
        events: Vec<News>,
    },
    /// Lists the endpoints
    List {
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Removes an endpoint; what it has not been told yet fails
    Remove { name: String },
    /// Sends an endpoint one message of type webhook.test, once
    Test { name: String },
}

fn event_type(text: &str) -> Result<News, String> {
    News::from_event_type(text).ok_or_else(|| format!("there are {}", News::ALL.map(News::event_type).join(", ")))
}

pub async fn run(command: Command) -> anyhow::Result<()> {
    let (app, config) = serve::operator().await?;
    match command {
        Command::Add { name, url, key, events } => add(&app, &config, name, url, key, events).await,
        Command::List { json } => list(&app, json).await,
        Command::Remove { name } => {
            if !app.store.remove_webhook_endpoint(name.clone(), app.now()).await? {
                bail!("there is no webhook endpoint named {name}");
            }
            println!("{name} is removed");
            Ok(())
        }
        Command::Test { name } => test(&app, &config, &name).await,
    }
}

async fn add(app: &App, config: &Config, name: String, url: String, key_name: String, events: Vec<News>) -> anyhow::Result<()> {
    if !is_name(&name) {
        bail!("{name:?} is no name: take 1 to 64 of a-z, 0-9, - and _");
    }
    if !is_key_name(&key_name) {
        // It may be the key itself, so it is not repeated.
        bail!("--key must name the setting {KEY_PREFIX}… or the secret {VAULT_PREFIX}… that holds the key");
    }
    webhook::check_url(&url, config.webhook.reach).map_err(|complaint| anyhow!("the URL {complaint}"))?;
    let events = if events.is_empty() { News::ALL.into_iter().filter(|news| news.notifies()).collect() } else { events };
    if let Err(missing) = keyring(config.vault.clone()).key(&key_name).await {
        println!("note: {missing}; the service needs it");
    }
    if !config.channels.iter().any(|channel| channel == "webhook") {
        println!("note: NOTIFY_CHANNELS does not name webhook; orders that choose no channels are not told to endpoints");
    }
    let endpoint = Endpoint { name, url, events, key_name, created_at: app.now(), disabled: None };
    app.store.put_webhook_endpoint(endpoint.clone()).await?;
    println!("{} is told of {}", endpoint.name, types(&endpoint));
    Ok(())
}

fn types(endpoint: &Endpoint) -> String {
    let types: Vec<_> = endpoint.events.iter().map(|news| news.event_type()).collect();
    types.join(", ")
}

/// An endpoint as a script reads it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed<'a> {
    name: &'a str,
    url: &'a str,
    events: Vec<&'static str>,
    key_name: &'a str,
    created_at: Timestamp,
    /// `up`, `down` or `disabled`; then since when, and why.
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

impl<'a> Listed<'a> {
    fn of(endpoint: &'a Endpoint, outages: &'a [Outage]) -> Self {
        let outage = outages.iter().find(|outage| outage.endpoint == circuit(&endpoint.name));
        let (state, since, reason) = match (&endpoint.disabled, outage) {
            (Some(disabled), _) => ("disabled", Some(disabled.at), Some(disabled.reason.as_str())),
            (None, Some(outage)) => ("down", Some(outage.opened_at), Some(outage.reason.as_str())),
            (None, None) => ("up", None, None),
        };
        let Endpoint { name, url, events, key_name, created_at, .. } = endpoint;
        let events = events.iter().map(|news| news.event_type()).collect();
        Self { name, url, events, key_name, created_at: *created_at, state, since, reason }
    }

    fn row(&self) -> [String; 5] {
        let state = match (self.since, self.reason) {
            (Some(since), Some(reason)) => format!("{} since {since}: {reason}", self.state),
            _ => self.state.to_owned(),
        };
        [self.name.to_owned(), self.url.to_owned(), self.key_name.to_owned(), self.events.join(", "), state]
    }
}

async fn list(app: &App, json: bool) -> anyhow::Result<()> {
    let (endpoints, outages) = (app.store.webhook_endpoints().await?, app.store.outages().await?);
    let listed: Vec<_> = endpoints.iter().map(|endpoint| Listed::of(endpoint, &outages)).collect();
    if json {
        for endpoint in &listed {
            println!("{}", serde_json::to_string(endpoint)?);
        }
        return Ok(());
    }
    let rows: Vec<_> = listed.iter().map(Listed::row).collect();
    println!("{}", table(["name", "url", "key", "events", "state"], &rows));
    Ok(())
}

async fn test(app: &App, config: &Config, name: &str) -> anyhow::Result<()> {
    let endpoints = app.store.webhook_endpoints().await?;
    let endpoint = endpoints.iter().find(|endpoint| endpoint.name == name);
    let endpoint = endpoint.ok_or_else(|| anyhow!("there is no webhook endpoint named {name}"))?;
    let id = app.ids.next(app.now()).to_string();
    match webhook::test(&serve::setup(config, &app.store), endpoint, &id).await.map_err(|complaint| anyhow!(complaint))? {
        Attempt::Delivered { .. } => {
            app.store.webhook_endpoint_answered(name.to_owned(), app.now()).await?;
            println!("{name} took the message {id}");
            Ok(())
        }
        other => bail!("{name} was not told: {}", other.reason()),
    }
}
