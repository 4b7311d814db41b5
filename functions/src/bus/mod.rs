//! How events leave and come back. Knows messages and the domain's events; knows no store and no HTTP.

mod in_process;

use crate::domain::{event::Event, id::EventId, trace::Trace};
use std::{fmt, sync::Arc};

/// A bus inside this process: what `orders dev` uses.
pub fn in_process() -> (Arc<dyn Bus>, Arc<dyn Subscription>) {
    let bus = Arc::new(in_process::InProcess::default());
    (Arc::clone(&bus) as Arc<dyn Bus>, bus)
}

#[derive(Debug, Clone, thiserror::Error)]
#[error("the bus did not take the message: {0}")]
pub struct BusError(pub String);

/// An event as a message: what a broker needs to know of it without reading it.
#[derive(Debug, Clone)]
pub struct Message {
    /// Also the message id, by which a broker may drop a repeat.
    pub id: EventId,
    /// The order's id.
    pub subject: String,
    pub trace: Option<Trace>,
    /// CloudEvents JSON.
    pub body: Vec<u8>,
}

impl Message {
    pub fn of(event: &Event) -> Result<Self, BusError> {
        let body = event.to_json().map_err(|error| BusError(error.to_string()))?.into_bytes();
        Ok(Self { id: event.id, subject: event.order_id.to_string(), trace: event.trace, body })
    }
}

#[async_trait::async_trait]
pub trait Bus: Send + Sync + fmt::Debug {
    /// For each message, in order: whether the broker has it. A message that failed may have arrived all the same.
    async fn publish(&self, messages: Vec<Message>) -> Vec<Result<(), BusError>>;
}

/// A message on loan (peek-lock): it comes back unless it is completed.
#[derive(Debug, Clone)]
pub struct Delivered {
    pub message: Message,
    /// 1 on the first delivery.
    pub delivery_count: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settlement {
    Complete,
    /// It is delivered again.
    Abandon,
    /// It is put aside, with the reason.
    DeadLetter(String),
}

#[async_trait::async_trait]
pub trait Subscription: Send + Sync + fmt::Debug {
    /// Waits for a message.
    async fn receive(&self) -> Delivered;
    async fn settle(&self, delivered: Delivered, settlement: Settlement) -> Result<(), BusError>;
}
