//! Faults on purpose, for tests: what a network, a broker and its operators do to a client. Clones share what is set.

use crate::{
    amqp::Error,
    broker::{Address, Event, Mailbox},
};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::sync::watch;

/// What gets lost of a request that is answered by a disposition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// The broker does nothing and says nothing.
    Request,
    /// The broker does what was asked, and nobody hears of it.
    Answer,
}

#[derive(Debug, Clone, Default)]
pub struct Faults(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// False while no entity has a fault set, which is the state that must cost nothing.
    armed: AtomicBool,
    entities: Mutex<HashMap<String, Entity>>,
    tokens: AtomicU32,
    write_delay: AtomicU64,
    outgoing_limit: AtomicU64,
    connections: Mutex<HashMap<u64, Arc<Mailbox>>>,
    last_connection: AtomicU64,
    listening: watch::Sender<bool>,
    /// Ports that there are, and ports that are open.
    ports: watch::Sender<(usize, usize)>,
}

impl Default for Shared {
    fn default() -> Self {
        Self {
            armed: AtomicBool::default(),
            entities: Mutex::default(),
            tokens: AtomicU32::default(),
            write_delay: AtomicU64::default(),
            outgoing_limit: AtomicU64::default(),
            connections: Mutex::default(),
            last_connection: AtomicU64::default(),
            listening: watch::Sender::new(true),
            ports: watch::Sender::new((0, 0)),
        }
    }
}

#[derive(Debug, Default)]
struct Entity {
    disposition_delay: Duration,
    settlements: Vec<Loss>,
    sends: Vec<Loss>,
    busy_sends: u32,
    busy_attaches: u32,
}

impl Faults {
    /// Closes every link of an entity with an error, for instance `amqp:link:detach-forced`.
    pub fn detach(&self, entity: &str, condition: &str, description: &str) {
        let path = Address::parse(entity).key();
        for mailbox in self.mailboxes() {
            mailbox.post(Event::Detach { path: path.clone(), error: Error::new(condition, description) });
        }
    }

    /// Drops every connection without a word; the listener stays.
    pub fn drop_connections(&self) {
        self.mailboxes().iter().for_each(|mailbox| mailbox.post(Event::Drop));
    }

    /// Answers the next `count` tokens with 401.
    pub fn refuse_tokens(&self, count: u32) {
        self.0.tokens.store(count, Ordering::Relaxed);
    }

    /// Answers of an entity, to sends and to settlements, come `by` later. Zero ends it.
    pub fn delay_dispositions(&self, entity: &str, by: Duration) {
        self.entity(entity, |faults| faults.disposition_delay = by);
    }

    /// Loses the next `count` settlements (complete, abandon, ...) on links of an entity.
    pub fn lose_settlements(&self, entity: &str, count: usize, loss: Loss) {
        self.entity(entity, |faults| faults.settlements = vec![loss; count]);
    }

    /// Loses the next `count` messages sent to an entity, or their confirmations.
    pub fn lose_sends(&self, entity: &str, count: usize, loss: Loss) {
        self.entity(entity, |faults| faults.sends = vec![loss; count]);
    }

    /// Refuses the next `count` messages sent to an entity with `com.microsoft:server-busy`.
    pub fn refuse_sends(&self, entity: &str, count: u32) {
        self.entity(entity, |faults| faults.busy_sends = count);
    }

    /// Refuses the next `count` links to an entity with `com.microsoft:server-busy`.
    pub fn refuse_attaches(&self, entity: &str, count: u32) {
        self.entity(entity, |faults| faults.busy_attaches = count);
    }

    /// Sends everything `by` later, in order, as if the broker were that far away. Zero ends it.
    pub fn delay_writes(&self, by: Duration) {
        self.0.write_delay.store(u64::try_from(by.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Says on links over which it sends, when they are attached, that no message is larger than `bytes`; and does not keep to
    /// it. Zero ends it.
    pub fn announce_limit(&self, bytes: u64) {
        self.0.outgoing_limit.store(bytes, Ordering::Relaxed);
    }

    /// Refuses connections and drops those that there are, until `resume`. Messages stay.
    pub fn pause(&self) {
        self.0.listening.send_replace(false);
        self.drop_connections();
    }

    pub fn resume(&self) {
        self.0.listening.send_replace(true);
    }

    /// Waits until the ports are closed.
    pub async fn paused(&self) {
        // The sender lives as long as `self`, so that waiting can't fail.
        let _ = self.0.ports.subscribe().wait_for(|(_, open)| *open == 0).await;
    }

    /// Waits until the ports are open.
    pub async fn resumed(&self) {
        let _ = self.0.ports.subscribe().wait_for(|(all, open)| open == all).await;
    }

    /// All connections drop and can be made again; messages stay.
    pub async fn restart(&self) {
        self.pause();
        self.paused().await;
        self.resume();
        self.resumed().await;
    }

    /// Connections that are open.
    pub fn connections(&self) -> usize {
        self.0.connections.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn mailboxes(&self) -> Vec<Arc<Mailbox>> {
        self.0.connections.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    fn entities(&self) -> MutexGuard<'_, HashMap<String, Entity>> {
        self.0.entities.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn entity(&self, entity: &str, set: impl FnOnce(&mut Entity)) {
        set(self.entities().entry(Address::parse(entity).key()).or_default());
        self.0.armed.store(true, Ordering::Release);
    }

    fn ask<T: Default>(&self, key: &str, answer: impl FnOnce(&mut Entity) -> T) -> T {
        if !self.0.armed.load(Ordering::Acquire) {
            return T::default();
        }
        self.entities().get_mut(key).map(answer).unwrap_or_default()
    }
}

/// The server's side.
impl Faults {
    pub(crate) fn register(&self, mailbox: Arc<Mailbox>) -> Registration {
        let number = self.0.last_connection.fetch_add(1, Ordering::Relaxed);
        self.0.connections.lock().unwrap_or_else(PoisonError::into_inner).insert(number, mailbox);
        Registration { faults: self.clone(), number }
    }

    pub(crate) fn listening(&self) -> watch::Receiver<bool> {
        self.0.listening.subscribe()
    }

    pub(crate) fn port_added(&self) {
        self.0.ports.send_modify(|(all, open)| (*all, *open) = (*all + 1, *open + 1));
    }

    pub(crate) fn port_closed(&self) {
        self.0.ports.send_modify(|(_, open)| *open -= 1);
    }

    pub(crate) fn port_opened(&self) {
        self.0.ports.send_modify(|(_, open)| *open += 1);
    }

    pub(crate) fn refuses_token(&self) -> bool {
        self.0.tokens.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
    }

    pub(crate) fn write_delay(&self) -> Duration {
        Duration::from_micros(self.0.write_delay.load(Ordering::Relaxed))
    }

    pub(crate) fn outgoing_limit(&self) -> Option<u64> {
        Some(self.0.outgoing_limit.load(Ordering::Relaxed)).filter(|limit| *limit > 0)
    }

    pub(crate) fn disposition_delay(&self, key: &str) -> Duration {
        self.ask(key, |entity| entity.disposition_delay)
    }

    pub(crate) fn loses_settlement(&self, key: &str) -> Option<Loss> {
        self.ask(key, |entity| entity.settlements.pop())
    }

    pub(crate) fn loses_send(&self, key: &str) -> Option<Loss> {
        self.ask(key, |entity| entity.sends.pop())
    }

    pub(crate) fn is_busy_for_send(&self, key: &str) -> bool {
        self.ask(key, |entity| count_down(&mut entity.busy_sends))
    }

    pub(crate) fn is_busy_for_attach(&self, key: &str) -> bool {
        self.ask(key, |entity| count_down(&mut entity.busy_attaches))
    }
}

fn count_down(left: &mut u32) -> bool {
    let is_due = *left > 0;
    *left = left.saturating_sub(1);
    is_due
}

/// A connection's place among those that faults reach.
#[derive(Debug)]
pub(crate) struct Registration {
    faults: Faults,
    number: u64,
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.faults.0.connections.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.number);
    }
}
