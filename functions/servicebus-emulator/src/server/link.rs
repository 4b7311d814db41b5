//! The two kinds of links, seen from the server: incoming ones bring messages, outgoing ones carry them away.

use crate::{
    amqp::Attach,
    broker::{Address, Held, Mode, Node, Queue, Waiter},
};
use std::{collections::VecDeque, sync::Arc};
use tokio::time::Instant;

/// Messages that a sender may have on the way.
pub(super) const CREDIT: u32 = 1000;

#[derive(Debug)]
pub(super) enum Link {
    Incoming(Incoming),
    Outgoing(Outgoing),
    /// A receiver that waits for any session.
    Waiting(Box<Waiting>),
}

#[derive(Debug)]
pub(super) enum Sink {
    Entity(Node),
    Cbs,
    Management { node: Node, address: Address },
}

#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) sink: Sink,
    /// The entity, as faults name it.
    pub(super) key: String,
    pub(super) delivery_count: u32,
    pub(super) credit: u32,
    pub(super) partial: Option<Partial>,
}

/// A message of which frames are missing.
#[derive(Debug)]
pub(super) struct Partial {
    pub(super) delivery_id: u32,
    pub(super) format: u32,
    pub(super) settled: bool,
    pub(super) bytes: Vec<u8>,
    /// Bytes seen; those above the limit are not kept.
    pub(super) size: usize,
}

#[derive(Debug)]
pub(super) enum Origin {
    Entity {
        queue: Arc<Queue>,
        mode: Mode,
        held: Option<Held>,
    },
    /// Answers of `$cbs` or `$management`.
    Replies(VecDeque<Vec<u8>>),
}

#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) name: String,
    pub(super) origin: Origin,
    pub(super) key: String,
    pub(super) reply_address: Option<String>,
    pub(super) receiver: Waiter,
    pub(super) delivery_count: u32,
    pub(super) credit: u32,
    pub(super) drain: bool,
    /// Whether deliveries go out settled.
    pub(super) settled: bool,
}

#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) attach: Attach,
    pub(super) queue: Arc<Queue>,
    pub(super) key: String,
    pub(super) receiver: Waiter,
    pub(super) until: Instant,
}

impl Link {
    pub(super) fn key(&self) -> &str {
        match self {
            Self::Incoming(link) => &link.key,
            Self::Outgoing(link) => &link.key,
            Self::Waiting(link) => &link.key,
        }
    }
}
