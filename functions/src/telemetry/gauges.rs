//! What is looked at when metrics are collected: nothing here asks a database or a broker for it.

use super::meter;
use crate::{app::App, domain::timestamp::Timestamp, store::Waiting};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// What a sweep saw is told for so long: less than the window that alerts look at, and longer than metrics take to be
/// collected again.
const FRESH: Duration = Duration::from_mins(2);

/// What the last sweep saw waiting.
static SWEPT: Mutex<Option<Swept>> = Mutex::new(None);

#[derive(Debug, Clone, Copy)]
struct Swept {
    at: Timestamp,
    unpublished: Duration,
    due: Duration,
    endpoints_down: u32,
}

/// A sweep found out what waits, and since when.
pub fn swept(at: Timestamp, waiting: &Waiting) {
    if meter().is_some() {
        let age = |since: Option<Timestamp>| since.map_or(Duration::ZERO, |since| at.since(since));
        let (unpublished, due) = (age(waiting.oldest_unpublished), age(waiting.delivery_due));
        let swept = Swept { at, unpublished, due, endpoints_down: waiting.endpoints_down };
        *SWEPT.lock().unwrap_or_else(PoisonError::into_inner) = Some(swept);
    }
}

/// Has this process's queues and its circuit looked at, where metrics are collected.
pub fn observe(app: &Arc<App>) {
    let Some(meter) = meter() else { return };
    let seen = |name: &'static str, unit: &'static str, description: &'static str, of: fn(Swept) -> f64| {
        let app = Arc::downgrade(app);
        let gauge = meter.f64_observable_gauge(name).with_unit(unit).with_description(description);
        gauge
            .with_callback(move |observer| {
                let swept = *SWEPT.lock().unwrap_or_else(PoisonError::into_inner);
                let now = app.upgrade().map(|app| app.now());
                if let Some(swept) = swept.filter(|swept| now.is_some_and(|now| now.since(swept.at) < FRESH)) {
                    observer.observe(of(swept), &[]);
                }
            })
            .build();
    };
    seen("orders.outbox.oldest_unpublished_age", "s", "Age of the oldest unpublished event that the last sweep saw", |swept| {
        swept.unpublished.as_secs_f64()
    });
    seen("orders.notify.oldest_due_age", "s", "How long the oldest delivery was due when the last sweep saw it", |swept| {
        swept.due.as_secs_f64()
    });
    seen("orders.notify.circuits_open", "{endpoint}", "Receivers that are down, as the last sweep saw them", |swept| {
        f64::from(swept.endpoints_down)
    });

    let count = |name: &'static str, unit: &'static str, description: &'static str, of: fn(&App) -> u64| {
        let app = Arc::downgrade(app);
        let gauge = meter.u64_observable_gauge(name).with_unit(unit).with_description(description);
        gauge
            .with_callback(move |observer| {
                if let Some(app) = app.upgrade() {
                    observer.observe(of(&app), &[]);
                }
            })
            .build();
    };
    count("orders.bus.circuit_open", "1", "1 while the bus takes nothing, and one event tries for all", |app| {
        u64::from(app.circuit.open_until().is_some())
    });
    count("orders.store.queue", "{write}", "Writes that wait for the database", |app| app.store.load().waiting);

    let total = |name: &'static str, unit: &'static str, description: &'static str, of: fn(&App) -> u64| {
        let app = Arc::downgrade(app);
        let counter = meter.u64_observable_counter(name).with_unit(unit).with_description(description);
        counter
            .with_callback(move |observer| {
                if let Some(app) = app.upgrade() {
                    observer.observe(of(&app), &[]);
                }
            })
            .build();
    };
    total("orders.store.writes", "{write}", "Writes that were committed or refused", |app| app.store.load().writes);
    total("orders.store.transactions", "{transaction}", "Transactions that they were made in", |app| app.store.load().transactions);
}
