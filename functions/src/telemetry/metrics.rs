//! The instruments, and what is counted at the moment it happens. What is looked at now and then is in `gauges`.

use super::instruments;
use opentelemetry::{
    KeyValue,
    metrics::{Counter, Histogram, Meter},
};

/// In seconds, as the semantic conventions advise for `http.server.request.duration`.
const DURATIONS: [f64; 14] = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];
const SIZES: [f64; 8] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0];

#[derive(Debug)]
pub(super) struct Instruments {
    pub(super) requests: Histogram<f64>,
    pub(super) attempts: Counter<u64>,
    leases: Counter<u64>,
    locks: Counter<u64>,
    rejected: Counter<u64>,
    batches: Histogram<u64>,
}

impl Instruments {
    pub(super) fn new(meter: &Meter) -> Self {
        let count = |name: &'static str, unit: &'static str, description: &'static str| {
            meter.u64_counter(name).with_unit(unit).with_description(description).build()
        };
        Self {
            requests: meter
                .f64_histogram("http.server.request.duration")
                .with_unit("s")
                .with_description("Duration of HTTP server requests")
                .with_boundaries(DURATIONS.to_vec())
                .build(),
            attempts: count("orders.notify.attempts", "{attempt}", "Attempts to tell a customer, by channel and outcome"),
            leases: count("orders.leases.taken_over", "{lease}", "Leases that ended before their work did"),
            locks: count("orders.messages.locks_lost", "{message}", "Messages whose lock ran out before they were settled"),
            rejected: count("orders.messages.rejected", "{message}", "Messages that nobody will understand"),
            batches: meter
                .u64_histogram("orders.outbox.batch_size")
                .with_unit("{event}")
                .with_description("Events that were handed to the bus together")
                .with_boundaries(SIZES.to_vec())
                .build(),
        }
    }
}

/// `of` is what was left behind: `event` or `delivery`.
pub fn taken_over(of: &'static str, count: usize) {
    if let Some(instruments) = instruments().filter(|_| count > 0) {
        instruments.leases.add(count as u64, &[KeyValue::new("orders.lease", of)]);
    }
}

pub fn lock_lost() {
    if let Some(instruments) = instruments() {
        instruments.locks.add(1, &[]);
    }
}

pub fn rejected() {
    if let Some(instruments) = instruments() {
        instruments.rejected.add(1, &[]);
    }
}

pub fn batch(events: usize) {
    if let Some(instruments) = instruments() {
        instruments.batches.record(events as u64, &[]);
    }
}
