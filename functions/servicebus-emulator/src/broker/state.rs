//! What a queue holds: its messages in order of sequence number, those that are ready, the locks, and everything that
//! time will do, in order of when. Every step costs O(log n).

use super::{
    changes::{Touch, Touched},
    entry::{Delivery, Entry, Message, Place, with_properties},
    mailbox::Waiter,
    refusal::Refusal,
    sessions::Session,
};
use crate::{amqp::Value, clock::millis, config::EntityProperties};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    sync::Arc,
};
use uuid::Uuid;

/// Properties of the entity as the state needs them. Times in milliseconds.
#[derive(Debug, Clone)]
pub(super) struct Limits {
    pub(super) lock: i64,
    /// None in a dead-letter queue, which is the end of every way.
    pub(super) max_delivery_count: Option<u32>,
    pub(super) time_to_live: Option<i64>,
    pub(super) dead_letter_expired: bool,
    pub(super) sessions: bool,
}

impl Limits {
    pub(super) fn main(properties: &EntityProperties) -> Self {
        Self {
            lock: millis(properties.lock_duration),
            max_delivery_count: Some(properties.max_delivery_count),
            time_to_live: Some(millis(properties.default_message_time_to_live)),
            dead_letter_expired: properties.dead_lettering_on_message_expiration,
            sessions: properties.requires_session,
        }
    }

    pub(super) fn dead_letter(properties: &EntityProperties) -> Self {
        Self { max_delivery_count: None, time_to_live: None, sessions: false, ..Self::main(properties) }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    Lock(i64),
    Expiry(i64),
    Schedule(i64),
    Session(Arc<str>),
}

/// What must happen outside of this queue, after its lock is released.
#[derive(Debug)]
pub(super) enum Effect {
    DeadLetter {
        sequence: i64,
        message: Arc<Message>,
        enqueued_sequence: i64,
        delivery_count: u32,
    },
    /// A scheduled message whose time has come in an entity that passes messages on.
    Activate {
        message: Arc<Message>,
        sequence: i64,
    },
}

impl Effect {
    /// The number that the message had in the queue that it leaves.
    pub(super) fn sequence(&self) -> i64 {
        match self {
            Self::DeadLetter { sequence, .. } | Self::Activate { sequence, .. } => *sequence,
        }
    }
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) limits: Limits,
    /// Messages don't stay here but go on when they are due: a topic, a queue with auto-forward.
    pub(super) passes_on: bool,
    pub(super) entries: BTreeMap<i64, Entry>,
    pub(super) ready: BTreeSet<i64>,
    pub(super) locks: HashMap<Uuid, i64>,
    pub(super) timers: BTreeSet<(i64, Timer)>,
    pub(super) waiters: VecDeque<Waiter>,
    pub(super) sessions: HashMap<Arc<str>, Session>,
    /// Sessions that have messages and no receiver, by their first message.
    pub(super) open_sessions: BTreeSet<(i64, Arc<str>)>,
    pub(super) session_waiters: VecDeque<Waiter>,
    pub(super) effects: Vec<Effect>,
    pub(super) last_sequence: i64,
    pub(super) scheduled: u64,
    pub(super) bytes: u64,
    /// The earliest alarm that is set for this queue.
    pub(super) alarm: Option<i64>,
    pub(super) deleted: bool,
    /// None if nobody wants to know.
    pub(super) touched: Option<Touched>,
}

impl State {
    pub(super) fn new(limits: Limits, passes_on: bool) -> Self {
        Self {
            limits,
            passes_on,
            entries: BTreeMap::new(),
            ready: BTreeSet::new(),
            locks: HashMap::new(),
            timers: BTreeSet::new(),
            waiters: VecDeque::new(),
            sessions: HashMap::new(),
            open_sessions: BTreeSet::new(),
            session_waiters: VecDeque::new(),
            effects: Vec::new(),
            last_sequence: 0,
            scheduled: 0,
            bytes: 0,
            alarm: None,
            deleted: false,
            touched: None,
        }
    }

    pub(super) fn next_sequence(&mut self) -> i64 {
        self.last_sequence += 1;
        self.last_sequence
    }

    /// `enqueued_sequence` is the number that the message already has elsewhere.
    pub(super) fn push(&mut self, message: Arc<Message>, enqueued_sequence: Option<i64>, now: i64) -> i64 {
        let sequence = self.next_sequence();
        let expires = self.expiry(&message, now);
        self.add(sequence, Entry::new(message, enqueued_sequence.unwrap_or(sequence), now, expires), now);
        sequence
    }

    /// Takes in what another queue has dead-lettered.
    pub(super) fn bury(&mut self, message: Arc<Message>, enqueued_sequence: i64, delivery_count: u32, source: Arc<str>, now: i64) {
        let sequence = self.next_sequence();
        let entry = Entry::new(message, enqueued_sequence, now, i64::MAX);
        self.add(sequence, Entry { delivery_count, source: Some(source), ..entry }, now);
    }

    pub(super) fn schedule(&mut self, message: Arc<Message>, due: i64, now: i64) -> i64 {
        let sequence = self.next_sequence();
        let entry = Entry::new(message, sequence, now, i64::MAX);
        self.add(sequence, Entry { place: Place::Scheduled { due }, ..entry }, now);
        sequence
    }

    pub(super) fn cancel(&mut self, sequences: &[i64]) -> Result<(), Refusal> {
        let scheduled = |sequence: &&i64| matches!(self.entries.get(sequence).map(|entry| entry.place), Some(Place::Scheduled { .. }));
        if let Some(missing) = sequences.iter().find(|sequence| !scheduled(sequence)) {
            return Err(Refusal::MessageNotFound(*missing));
        }
        for sequence in sequences {
            self.remove(*sequence);
        }
        Ok(())
    }

    /// The sender's time to live, but at most the entity's.
    fn expiry(&self, message: &Message, now: i64) -> i64 {
        let Some(most) = self.limits.time_to_live else { return i64::MAX };
        let asked = match (message.header.ttl, message.properties().absolute_expiry_time) {
            (Some(ttl), _) => now.saturating_add(ttl.into()),
            (None, Some(at)) => at,
            (None, None) => i64::MAX,
        };
        asked.min(now.saturating_add(most))
    }

    pub(super) fn add(&mut self, sequence: i64, entry: Entry, now: i64) {
        self.bytes += entry.size();
        if entry.expires < i64::MAX {
            self.timers.insert((entry.expires, Timer::Expiry(sequence)));
        }
        if let Place::Scheduled { due } = entry.place {
            self.scheduled += 1;
            self.timers.insert((due, Timer::Schedule(sequence)));
        }
        self.touch(sequence, Touch::Whole);
        let is_ready = entry.place == Place::Ready;
        self.entries.insert(sequence, entry);
        if is_ready {
            self.make_ready(sequence, now);
        }
    }

    /// Takes a message out for good, with all that is remembered about it.
    pub(super) fn remove(&mut self, sequence: i64) -> Option<Entry> {
        let entry = self.entries.remove(&sequence)?;
        self.touch(sequence, Touch::Whole);
        self.bytes -= entry.size();
        if entry.expires < i64::MAX {
            self.timers.remove(&(entry.expires, Timer::Expiry(sequence)));
        }
        match entry.place {
            Place::Ready => self.unready(sequence, entry.session()),
            Place::Locked { token, until, .. } => self.unlock(sequence, token, until, entry.session()),
            Place::Deferred => {}
            Place::Scheduled { due } => {
                self.scheduled -= 1;
                self.timers.remove(&(due, Timer::Schedule(sequence)));
            }
        }
        Some(entry)
    }

    fn unready(&mut self, sequence: i64, session: Option<&str>) {
        match session.filter(|_| self.limits.sessions) {
            Some(session) => self.session_unready(session, sequence),
            None => drop(self.ready.remove(&sequence)),
        }
    }

    pub(super) fn unlock(&mut self, sequence: i64, token: Uuid, until: i64, session: Option<&str>) {
        self.locks.remove(&token);
        match session.filter(|_| self.limits.sessions) {
            Some(session) => self.session_unlock(session, sequence),
            None => drop(self.timers.remove(&(until, Timer::Lock(sequence)))),
        }
    }

    /// Puts a message where receivers find it, at its place in the order, unless its time is over.
    pub(super) fn make_ready(&mut self, sequence: i64, now: i64) {
        let Some(entry) = self.entries.get_mut(&sequence) else { return };
        entry.place = Place::Ready;
        if entry.expires <= now {
            return self.expire(sequence);
        }
        if let Some(session) = entry.message.properties().group_id.clone().filter(|_| self.limits.sessions) {
            self.session_ready(&session.into(), sequence);
        } else {
            self.ready.insert(sequence);
            self.wake();
        }
    }

    /// Wakes as many receivers as there are messages for.
    pub(super) fn wake(&mut self) {
        for _ in 0..self.ready.len().min(self.waiters.len()) {
            if let Some(waiter) = self.waiters.pop_front() {
                waiter.wake();
            }
        }
    }

    fn expire(&mut self, sequence: i64) {
        if self.limits.dead_letter_expired {
            self.dead_letter(sequence, "TTLExpiredException", "The message expired and was dead lettered.", &[]);
        } else {
            self.remove(sequence);
        }
    }

    pub(super) fn dead_letter(&mut self, sequence: i64, reason: &str, description: &str, properties: &[(Value, Value)]) {
        let Some(entry) = self.remove(sequence) else { return };
        let mut added = properties.to_vec();
        for (name, text) in [("DeadLetterReason", reason), ("DeadLetterErrorDescription", description)] {
            if !text.is_empty() {
                added.push((name.into(), text.into()));
            }
        }
        let message = with_properties(&entry.message, &added);
        let Entry { enqueued_sequence, delivery_count, .. } = entry;
        self.effects.push(Effect::DeadLetter { sequence, message, enqueued_sequence, delivery_count });
    }

    /// Does all that is due at `now`.
    pub(super) fn advance(&mut self, now: i64) {
        while let Some((_, timer)) = self.timers.pop_first_if(now) {
            match timer {
                Timer::Lock(sequence) => self.fail_attempt(sequence, now),
                // A message that is locked or deferred outlives its time; it is looked at again when it comes back.
                Timer::Expiry(sequence) => {
                    if self.entries.get(&sequence).is_some_and(|entry| entry.place == Place::Ready) {
                        self.expire(sequence);
                    }
                }
                Timer::Schedule(sequence) => self.activate(sequence, now),
                Timer::Session(session) => self.expire_session(&session, now),
            }
        }
    }

    /// The end of a delivery that did not succeed: an abandon or a lock that ran out.
    pub(super) fn fail_attempt(&mut self, sequence: i64, now: i64) {
        let Some(entry) = self.entries.get_mut(&sequence) else { return };
        let Place::Locked { token, until, deferred } = entry.place else { return };
        entry.delivery_count += 1;
        let delivery_count = entry.delivery_count;
        let session = entry.session().map(str::to_owned);
        self.touch(sequence, Touch::Mark);
        if self.limits.max_delivery_count.is_some_and(|most| delivery_count >= most) {
            let description = format!("Message could not be consumed after {delivery_count} delivery attempts.");
            return self.dead_letter(sequence, "MaxDeliveryCountExceeded", &description, &[]);
        }
        self.unlock(sequence, token, until, session.as_deref());
        if deferred {
            self.set_deferred(sequence);
        } else {
            self.make_ready(sequence, now);
        }
    }

    pub(super) fn set_deferred(&mut self, sequence: i64) {
        if let Some(entry) = self.entries.get_mut(&sequence) {
            entry.place = Place::Deferred;
            self.touch(sequence, Touch::Mark);
        }
    }

    /// A scheduled message starts a life of its own: new number, new enqueued time.
    fn activate(&mut self, sequence: i64, now: i64) {
        let Some(entry) = self.remove(sequence) else { return };
        if self.passes_on {
            self.effects.push(Effect::Activate { message: entry.message, sequence });
        } else {
            self.push(entry.message, Some(sequence), now);
        }
    }

    pub(super) fn delivery(&self, sequence: i64) -> Option<Delivery> {
        self.entries.get(&sequence).map(|entry| entry.view(sequence))
    }
}

trait PopDue {
    fn pop_first_if(&mut self, now: i64) -> Option<(i64, Timer)>;
}

impl PopDue for BTreeSet<(i64, Timer)> {
    fn pop_first_if(&mut self, now: i64) -> Option<(i64, Timer)> {
        if self.first()?.0 > now { None } else { self.pop_first() }
    }
}
