//! How events leave and come back. Knows messages and the domain's events; knows no store and no HTTP.

pub mod service_bus;

use crate::domain::{
    event::{Event, EventKind},
    id::EventId,
    trace::Trace,
};
use std::{fmt, time::Duration};

/// Why a message was not published. It may have arrived all the same.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BusError {
    /// Later it may be taken.
    #[error("the bus did not take the message: {0}")]
    Transient(String),
    /// It will not be taken as it is, whenever it comes.
    #[error("the bus will never take the message: {0}")]
    Permanent(String),
}

impl BusError {
    pub fn reason(&self) -> &str {
        match self {
            Self::Transient(reason) | Self::Permanent(reason) => reason,
        }
    }
}

/// An event as a message: what a broker needs to know of it without reading it.
#[derive(Debug, Clone)]
pub struct Message {
    /// Also the message id, by which a broker may drop a repeat.
    pub id: EventId,
    pub kind: EventKind,
    /// The order's id.
    pub subject: String,
    pub trace: Option<Trace>,
    /// CloudEvents JSON.
    pub body: Vec<u8>,
}

impl Message {
    pub fn of(event: &Event) -> Result<Self, BusError> {
        let body = event.to_json().map_err(|error| BusError::Permanent(error.to_string()))?.into_bytes();
        Ok(Self { id: event.id, kind: event.kind, subject: event.order_id.to_string(), trace: event.trace, body })
    }
}

#[async_trait::async_trait]
pub trait Bus: Send + Sync + fmt::Debug {
    /// For each message, in order: whether the broker has it. It answers within a time of its own.
    async fn publish(&self, messages: Vec<Message>) -> Vec<Result<(), BusError>>;
    /// What is out at the moment, for people; `None` while nothing is known to be.
    fn outage(&self) -> Option<String> {
        None
    }
    /// Takes leave of the broker.
    async fn close(&self, _within: Duration) {}
}

/// A message as it arrived: whoever sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incoming {
    pub id: Option<String>,
    pub trace: Option<Trace>,
    pub body: Vec<u8>,
}

/// A message on loan (peek-lock): it comes back unless it is completed.
#[derive(Debug, Clone)]
pub struct Delivered {
    pub message: Incoming,
    /// 1 on the first delivery.
    pub delivery_count: u32,
    /// By which its subscription knows it.
    pub receipt: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settlement {
    Complete,
    /// It is delivered again.
    Abandon,
    /// It is put aside.
    DeadLetter {
        reason: String,
        description: String,
    },
}

/// The message comes again, and has to be harmless then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettleError {
    #[error("the message's lock ran out before it was settled")]
    LockLost,
    #[error("the message could not be settled: {0}")]
    Unavailable(String),
}

#[async_trait::async_trait]
pub trait Subscription: Send + Sync + fmt::Debug {
    /// Waits for a message; may be given up at any time. `None` once the subscription is closed.
    async fn receive(&self) -> Option<Delivered>;
    async fn settle(&self, delivered: Delivered, settlement: Settlement) -> Result<(), SettleError>;
    fn outage(&self) -> Option<String> {
        None
    }
    /// Receives no more. What is on loan may still be settled until `within` is over, and is given back then.
    async fn close(&self, _within: Duration) {}
}
