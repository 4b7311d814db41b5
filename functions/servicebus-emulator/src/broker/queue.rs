//! A queue, a subscription's queue, a dead-letter queue, or the stage where a topic keeps scheduled messages.

use super::{
    Address, Broker,
    changes::{Change, Kept},
    duplicates::Duplicates,
    entry::{Delivery, Message, with_source},
    mailbox::Waiter,
    receive::{Mode, Settlement, Taken},
    refusal::Refusal,
    sessions::Held,
    state::{Effect, Limits, State},
};
use crate::config::EntityProperties;
use std::sync::{
    Arc, Mutex, PoisonError, RwLock,
    atomic::{AtomicI64, Ordering},
};
use uuid::Uuid;

#[derive(Debug)]
pub(crate) struct Queue {
    /// As its creator wrote it, with `/$DeadLetterQueue` at the end of one.
    pub(crate) path: Arc<str>,
    /// The path in lower case, the same for every way to write it.
    pub(super) key: String,
    properties: RwLock<Arc<EntityProperties>>,
    /// None for a dead-letter queue itself.
    pub(crate) dead: Option<Arc<Queue>>,
    /// Messages that could not be forwarded.
    pub(crate) transfer_dead: Option<Arc<Queue>>,
    /// Milliseconds since the Unix epoch.
    pub(super) created: i64,
    pub(super) updated: AtomicI64,
    pub(super) accessed: AtomicI64,
    state: Mutex<State>,
    duplicates: Mutex<Duplicates>,
}

/// How many messages there are, by what they wait for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Load {
    pub(crate) active: u64,
    pub(crate) scheduled: u64,
    pub(crate) bytes: u64,
}

impl Queue {
    pub(super) fn new(path: &str, properties: EntityProperties, now: i64) -> Arc<Self> {
        let below = |suffix: &str| {
            let properties = properties.clone();
            Self::of(&format!("{path}/{suffix}"), State::new(Limits::dead_letter(&properties), false), properties, None, now)
        };
        let (dead, transfer_dead) = (below("$DeadLetterQueue"), below("$Transfer/$DeadLetterQueue"));
        let state = State::new(Limits::main(&properties), properties.forward_to.is_some());
        Self::of(path, state, properties, Some((dead, transfer_dead)), now)
    }

    /// Where a topic's scheduled messages wait.
    pub(super) fn stage(path: &str, properties: EntityProperties, now: i64) -> Arc<Self> {
        Self::of(path, State::new(Limits::main(&properties), true), properties, None, now)
    }

    fn of(path: &str, state: State, properties: EntityProperties, below: Option<(Arc<Self>, Arc<Self>)>, now: i64) -> Arc<Self> {
        let (dead, transfer_dead) = below.unzip();
        let (state, duplicates) = (Mutex::new(state), Mutex::default());
        Arc::new(Self {
            path: path.into(),
            key: Address::parse(path).key(),
            properties: RwLock::new(properties.into()),
            dead,
            transfer_dead,
            created: now,
            updated: now.into(),
            accessed: now.into(),
            state,
            duplicates,
        })
    }

    pub(crate) fn properties(&self) -> Arc<EntityProperties> {
        self.properties.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether an entity has sessions or detects duplicates is settled when it is made.
    pub(super) fn update(self: &Arc<Self>, broker: &Broker, properties: EntityProperties) {
        let old = self.properties();
        let properties = EntityProperties {
            requires_session: old.requires_session,
            requires_duplicate_detection: old.requires_duplicate_detection,
            ..properties
        };
        for below in [&self.dead, &self.transfer_dead].into_iter().flatten() {
            below.with(broker, |state, _| state.limits = Limits::dead_letter(&properties));
        }
        self.with(broker, |state, now| {
            state.limits = Limits::main(&properties);
            // A topic passes its messages on anyway.
            state.passes_on = self.dead.is_none() || properties.forward_to.is_some();
            self.updated.store(now, Ordering::Relaxed);
        });
        *self.properties.write().unwrap_or_else(PoisonError::into_inner) = properties.into();
    }

    /// Does what is due, then `act`, then what follows from it elsewhere.
    pub(super) fn with<R>(self: &Arc<Self>, broker: &Broker, act: impl FnOnce(&mut State, i64) -> R) -> R {
        let now = broker.now();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.advance(now);
        let result = act(&mut state, now);
        let due = state.timers.first().map(|(due, _)| *due);
        if let Some(due) = due.filter(|due| state.alarm.is_none_or(|set| *due < set)) {
            state.alarm = Some(due);
            broker.alarms.set(due, self);
        }
        // In the order in which they happened, so before anybody else can make more.
        broker.record(self, state.changes());
        let effects = std::mem::take(&mut state.effects);
        drop(state);
        let left: Vec<_> = effects.iter().map(|effect| Change::Remove { sequence: effect.sequence() }).collect();
        for effect in effects {
            self.follow(broker, effect);
        }
        // A crash before this leaves a message in two places, and never in none.
        broker.record(self, left);
        result
    }

    pub(super) fn watch(self: &Arc<Self>, broker: &Broker) {
        self.with(broker, |state, _| state.watch());
    }

    pub(super) fn restore(self: &Arc<Self>, broker: &Broker, sequence: i64, kept: Kept) {
        self.with(broker, |state, now| state.restore(sequence, kept, now));
    }

    pub(super) fn restore_session(self: &Arc<Self>, broker: &Broker, name: &str, value: Option<Vec<u8>>) {
        self.with(broker, |state, _| state.restore_session(name, value));
    }

    pub(super) fn restore_counter(self: &Arc<Self>, broker: &Broker, last: i64) {
        self.with(broker, |state, _| state.last_sequence = last.max(state.last_sequence));
    }

    /// The queue and those below it.
    pub(super) fn family(self: &Arc<Self>) -> impl Iterator<Item = Arc<Self>> {
        [Some(self.clone()), self.dead.clone(), self.transfer_dead.clone()].into_iter().flatten()
    }

    /// Called when an alarm rings.
    pub(super) fn ring(self: &Arc<Self>, broker: &Broker) {
        self.with(broker, |state, _| state.alarm = None);
    }

    fn follow(self: &Arc<Self>, broker: &Broker, effect: Effect) {
        match effect {
            Effect::DeadLetter { message, enqueued_sequence, delivery_count, .. } => {
                if let Some(target) = &self.properties().forward_dead_lettered_messages_to
                    && broker.forward(target, &with_source(&message, &self.path), 1).is_ok()
                {
                    return;
                }
                let source = self.path.clone();
                // What leaves a dead-letter queue by dead-lettering has no other place to go: it goes back in.
                let dead = self.dead.as_ref().unwrap_or(self);
                dead.with(broker, |state, now| state.bury(message, enqueued_sequence, delivery_count, source, now));
            }
            Effect::Activate { message, sequence } => broker.activate(self, &message, sequence),
        }
    }

    pub(super) fn bury_transfer(self: &Arc<Self>, broker: &Broker, message: Arc<Message>) {
        let (source, target) = (self.path.clone(), self.transfer_dead.as_ref().unwrap_or(self));
        target.with(broker, |state, now| {
            let sequence = state.last_sequence + 1;
            state.bury(message, sequence, 0, source, now);
        });
    }

    pub(crate) fn is_duplicate(&self, message: &Message, now: i64) -> bool {
        let properties = self.properties();
        if !properties.requires_duplicate_detection {
            return false;
        }
        let window = crate::clock::millis(properties.duplicate_detection_history_time_window);
        let id = format!("{:?}", message.properties().message_id);
        self.duplicates.lock().unwrap_or_else(PoisonError::into_inner).is_known(&id, now, window)
    }

    pub(crate) fn take(
        self: &Arc<Self>,
        broker: &Broker,
        count: usize,
        mode: Mode,
        held: Option<&Held>,
        receiver: &Waiter,
    ) -> Result<Taken, Refusal> {
        self.with(broker, |state, now| {
            self.accessed.store(now, Ordering::Relaxed);
            if state.deleted { Err(Refusal::NotFound(self.path.to_string())) } else { state.take(count, mode, held, receiver, now) }
        })
    }

    /// A woken receiver that can't take anything lets the next one have its turn. It hears if it has lost its session.
    pub(crate) fn pass(self: &Arc<Self>, broker: &Broker, held: Option<&Held>) -> Result<(), Refusal> {
        self.with(broker, |state, _| {
            state.wake();
            held.map_or(Ok(()), |held| state.held_by(held).map(drop))
        })
    }

    pub(crate) fn leave(self: &Arc<Self>, broker: &Broker, receiver: &Waiter, held: Option<&Held>) {
        self.with(broker, |state, now| {
            if let Some(held) = held {
                state.release_session(held, now);
            }
            state.leave(receiver);
        });
    }

    pub(crate) fn settle(self: &Arc<Self>, broker: &Broker, token: Uuid, settlement: Settlement) -> Result<(), Refusal> {
        self.with(broker, |state, now| state.settle(token, settlement, now))
    }

    pub(crate) fn renew(self: &Arc<Self>, broker: &Broker, token: Uuid) -> Result<i64, Refusal> {
        self.with(broker, |state, now| state.renew(token, now))
    }

    pub(crate) fn receive_deferred(self: &Arc<Self>, broker: &Broker, sequences: &[i64], mode: Mode) -> Result<Vec<Delivery>, Refusal> {
        self.with(broker, |state, now| state.receive_deferred(sequences, mode, now))
    }

    /// From a sequence number on, whatever its state; of one session if one is named.
    pub(crate) fn peek(self: &Arc<Self>, broker: &Broker, from: i64, count: usize, session: Option<&str>) -> Vec<Delivery> {
        self.with(broker, |state, _| {
            let found = state.entries.range(from..).filter(|(_, entry)| session.is_none_or(|name| entry.session() == Some(name)));
            let peeked = found.take(count).map(|(sequence, entry)| entry.view(*sequence).peeked());
            peeked.collect()
        })
    }

    pub(crate) fn cancel(self: &Arc<Self>, broker: &Broker, sequences: &[i64]) -> Result<(), Refusal> {
        self.with(broker, |state, _| state.cancel(sequences))
    }

    /// Deletes up to `count` ready messages enqueued before a moment; how many there were.
    pub(crate) fn delete_before(self: &Arc<Self>, broker: &Broker, count: usize, before: i64) -> usize {
        self.with(broker, |state, _| {
            let old = |sequence: &&i64| state.entries.get(sequence).is_some_and(|entry| entry.enqueued < before);
            let found: Vec<_> = state.ready.iter().filter(old).take(count).copied().collect();
            for sequence in &found {
                state.remove(*sequence);
            }
            found.len()
        })
    }

    pub(crate) fn accept_session(self: &Arc<Self>, broker: &Broker, wanted: Option<&str>, by: &Waiter) -> Result<Option<Held>, Refusal> {
        self.with(broker, |state, now| state.accept_session(wanted, by, now))
    }

    pub(crate) fn renew_session(self: &Arc<Self>, broker: &Broker, name: &str) -> Result<i64, Refusal> {
        self.with(broker, |state, now| state.renew_session(name, now))
    }

    pub(crate) fn session_state(self: &Arc<Self>, broker: &Broker, name: &str) -> Option<Vec<u8>> {
        self.with(broker, |state, _| state.session_state(name))
    }

    pub(crate) fn set_session_state(self: &Arc<Self>, broker: &Broker, name: &str, value: Option<Vec<u8>>) -> Result<(), Refusal> {
        self.with(broker, |state, _| state.set_session_state(name, value))
    }

    pub(crate) fn session_names(self: &Arc<Self>, broker: &Broker) -> Vec<String> {
        self.with(broker, |state, _| state.session_names())
    }

    pub(crate) fn counts(self: &Arc<Self>, broker: &Broker) -> Load {
        self.with(broker, |state, _| {
            let active = state.entries.len() as u64 - state.scheduled;
            Load { active, scheduled: state.scheduled, bytes: state.bytes }
        })
    }

    /// Bytes, dead letters included.
    pub(super) fn size(self: &Arc<Self>, broker: &Broker) -> u64 {
        let below = [&self.dead, &self.transfer_dead].into_iter().flatten().map(|queue| queue.counts(broker).bytes);
        self.counts(broker).bytes + below.sum::<u64>()
    }

    /// Receivers and senders find out at their next step.
    pub(super) fn delete(self: &Arc<Self>, broker: &Broker) {
        self.with(broker, |state, _| {
            state.deleted = true;
            state.waiters.drain(..).chain(state.session_waiters.drain(..)).for_each(|waiter| waiter.wake());
        });
        self.family().for_each(|queue| broker.record_dropped(&queue));
    }
}
