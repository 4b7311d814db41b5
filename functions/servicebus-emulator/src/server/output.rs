//! What waits to be written, and what a connection's sessions share.

use super::Server;
use crate::{
    amqp::{
        Message, Performative,
        frame::{self, Kind},
    },
    broker::{Mailbox, Waiter},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};
use tokio::time::Instant;

/// Bytes that may wait before links stop adding to them.
pub(super) const HIGH_WATER: usize = 512 * 1024;

/// A link's channel and handle.
pub(super) type Place = (u16, u32);

/// An answer on its way to a reply link.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) channel: u16,
    /// What was asked: `$cbs` or an entity's management node.
    pub(super) node: String,
    /// The request's reply-to.
    pub(super) to: Option<String>,
    pub(super) message: Message,
}

#[derive(Debug)]
pub(super) struct Context {
    pub(super) server: Arc<Server>,
    pub(super) mailbox: Arc<Mailbox>,
    /// Frames to be written.
    pub(super) out: Vec<u8>,
    /// Frames that a fault holds back, by when they are due.
    late: BTreeMap<(Instant, u64), Vec<u8>>,
    /// The largest frame that the peer takes.
    pub(super) max_frame_size: usize,
    /// Links by the number under which queues know them.
    pub(super) places: BTreeMap<u64, Place>,
    /// Links that may have something to send.
    pub(super) ready: BTreeSet<Place>,
    pub(super) replies: Vec<Reply>,
    /// Links that wait for a session, by when they have waited long enough.
    pub(super) deadlines: BTreeSet<(Instant, u64)>,
    last_number: u64,
    scratch: Vec<u8>,
}

impl Context {
    pub(super) fn new(server: Arc<Server>, mailbox: Arc<Mailbox>) -> Self {
        Self {
            server,
            mailbox,
            out: Vec::new(),
            late: BTreeMap::new(),
            max_frame_size: frame::MIN_MAX_FRAME_SIZE as usize,
            places: BTreeMap::new(),
            ready: BTreeSet::new(),
            replies: Vec::new(),
            deadlines: BTreeSet::new(),
            last_number: 0,
            scratch: Vec::new(),
        }
    }

    /// A number that no other link of the connection has, with the way to wake that link.
    pub(super) fn enlist(&mut self, place: Place) -> Waiter {
        self.last_number += 1;
        self.places.insert(self.last_number, place);
        Waiter { mailbox: self.mailbox.clone(), link: self.last_number }
    }

    pub(super) fn send(&mut self, channel: u16, performative: &Performative<'_>) {
        frame::write(&mut self.out, Kind::Amqp, channel, |out| performative.encode(out));
    }

    /// An empty frame.
    pub(super) fn heartbeat(&mut self) {
        frame::write(&mut self.out, Kind::Amqp, 0, |_| {});
    }

    pub(super) fn send_late(&mut self, channel: u16, performative: &Performative<'_>, delay: Duration) {
        if delay.is_zero() && self.late.is_empty() {
            return self.send(channel, performative);
        }
        let mut bytes = Vec::new();
        frame::write(&mut bytes, Kind::Amqp, channel, |out| performative.encode(out));
        self.last_number += 1;
        self.late.insert((Instant::now() + delay, self.last_number), bytes);
    }

    /// Moves what is due to the output.
    pub(super) fn catch_up(&mut self, now: Instant) {
        while let Some(entry) = self.late.first_entry().filter(|entry| entry.key().0 <= now) {
            self.out.extend(entry.remove());
        }
    }

    /// When something of the above is due.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let late = self.late.first_key_value().map(|((at, _), _)| *at);
        let waiting = self.deadlines.first().map(|(at, _)| *at);
        late.into_iter().chain(waiting).min()
    }

    pub(super) fn is_full(&self) -> bool {
        self.out.len() >= HIGH_WATER
    }

    /// An empty buffer that keeps its allocation between uses.
    pub(super) fn scratch(&mut self) -> Vec<u8> {
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        scratch
    }

    pub(super) fn put_back(&mut self, scratch: Vec<u8>) {
        self.scratch = scratch;
    }
}
