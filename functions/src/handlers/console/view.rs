//! What the console shows, as JSON.

use crate::{
    app::App,
    channels::email::{self, letter},
    domain::{
        currency,
        delivery::News,
        event::EventKind,
        id::{DeliveryId, OrderId},
        order::Order,
        page::Query,
        status::Status,
        timeline::Timeline,
        timestamp::Timestamp,
    },
    error::Problem,
    store::{
        Result,
        ledger::{Entry, Outage, State, WaitingEvent, Wanted},
    },
};
use serde::Serialize;

/// Rows of each list; a longer one is an operator's command's to show.
const LIMIT: u32 = 50;

/// Everything on the page but single orders.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Snapshot {
    /// By which the page tells ages, whatever its own clock says.
    now: Timestamp,
    limit: u32,
    #[serde(flatten)]
    pub(crate) content: Content,
}

/// What is worth drawing again when it changed.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Content {
    /// Newest first.
    orders: Vec<Brief>,
    outbox: Vec<Event>,
    deliveries: Vec<Delivery>,
    outages: Vec<Outage>,
    /// What is out of the bus, for people.
    bus_outage: Option<String>,
}

#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Brief {
    id: OrderId,
    customer: String,
    total: String,
    status: Status,
    created_at: Timestamp,
}

#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    order_id: OrderId,
    kind: &'static str,
    since: Timestamp,
    attempts: u32,
    next_attempt_at: Timestamp,
    last_error: Option<String>,
}

#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Delivery {
    id: DeliveryId,
    order_id: OrderId,
    channel: String,
    recipient: String,
    state: State,
    /// Whether nobody knows how an attempt ended.
    is_in_doubt: bool,
    attempts: u32,
    since: Timestamp,
    next_attempt_at: Timestamp,
    reason: Option<String>,
}

/// One order with all that became of it.
#[derive(Debug, Serialize)]
pub(crate) struct Detail {
    order: Order,
    total: String,
    timeline: Timeline,
    deliveries: Vec<Delivery>,
    letters: Vec<Letter>,
    /// Why the letters are not sent; `None`: they are.
    unsent: Option<&'static str>,
}

#[derive(Debug, Serialize)]
struct Letter {
    news: News,
    language: &'static str,
    subject: String,
    html: String,
    text: String,
}

pub(crate) async fn snapshot(app: &App) -> Result<Snapshot> {
    let query = Query { status: None, customer: None, created_from: None, created_to: None, limit: LIMIT, after: None };
    let page = app.store.orders(&query).await?;
    let content = Content {
        // A row that is no order was written by something else; the list goes on without it.
        orders: page.items.iter().filter_map(|stored| stored.order().ok()).map(brief).collect(),
        outbox: app.store.waiting_events(LIMIT).await?.into_iter().map(event).collect(),
        deliveries: app.store.unfinished(LIMIT).await?.into_iter().map(delivery).collect(),
        outages: app.store.outages().await?,
        bus_outage: app.bus_outage(),
    };
    Ok(Snapshot { now: app.now(), limit: LIMIT, content })
}

/// # Errors
/// 404 when there is no such order.
pub(crate) async fn detail(app: &App, id: OrderId) -> std::result::Result<Detail, Problem> {
    let stored = app.store.order(id).await?.ok_or_else(Problem::no_such_order)?;
    let order = stored.order().map_err(|error| Problem::internal(error.to_string()))?;
    let timeline = app.store.timeline(id).await?.ok_or_else(Problem::no_such_order)?;
    let wanted = Wanted { order: Some(id), limit: LIMIT, ..Wanted::default() };
    let deliveries = app.store.deliveries(&wanted).await?.into_iter().map(delivery).collect();
    let mut letters = Vec::new();
    // Each with the order as it was then, which is what was sent.
    for received in app.store.events(id).await? {
        let Some(news) = News::of(received.event.kind, &received.order) else { continue };
        let letter = letter::compose(&received.order, news).map_err(|error| Problem::internal(error.to_string()))?;
        letters.extend(letter.map(|letter::Letter { language, subject, text, html }| Letter { news, language, subject, html, text }));
    }
    let unsent = unsent(app, &order);
    let total = currency::readable(order.total, &order.currency);
    Ok(Detail { order, total, timeline, deliveries, letters, unsent })
}

fn unsent(app: &App, order: &Order) -> Option<&'static str> {
    let channels = order.notify.channels.as_ref().unwrap_or(&app.settings.default_channels);
    if app.channels.get(email::NAME).is_none() {
        Some("not sent: the channel email is not configured here")
    } else if !channels.iter().any(|name| name == email::NAME) {
        Some("not sent: this order’s news do not go by e-mail")
    } else if order.customer.email.is_none() {
        Some("not sent: the order has no address")
    } else {
        None
    }
}

fn brief(order: Order) -> Brief {
    let total = currency::readable(order.total, &order.currency);
    Brief { id: order.id, customer: order.customer.name, total, status: order.status, created_at: order.created_at }
}

fn event(waiting: WaitingEvent) -> Event {
    Event {
        order_id: waiting.order_id,
        kind: match waiting.kind {
            EventKind::Created => "created",
            EventKind::StatusChanged => "status changed",
            EventKind::Cancelled => "cancelled",
        },
        since: waiting.occurred_at,
        attempts: waiting.attempts,
        next_attempt_at: waiting.next_attempt_at,
        last_error: waiting.last_error,
    }
}

fn delivery(entry: Entry) -> Delivery {
    Delivery {
        id: entry.id,
        order_id: entry.order_id,
        channel: entry.channel,
        recipient: entry.recipient,
        state: entry.state,
        is_in_doubt: entry.doubt.is_some(),
        attempts: entry.attempts,
        since: entry.created_at,
        next_attempt_at: entry.next_attempt_at,
        reason: entry.reason,
    }
}
