//! Taking messages, settling them, and keeping their locks.

use super::{
    changes::Touch,
    entry::{Delivery, Place, with_properties},
    mailbox::Waiter,
    refusal::Refusal,
    sessions::Held,
    state::{State, Timer},
};
use crate::amqp::Value;
use uuid::Uuid;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    PeekLock,
    ReceiveAndDelete,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Settlement {
    Complete,
    /// The attempt failed; the properties are added to the message.
    Abandon(Vec<(Value, Value)>),
    Defer(Vec<(Value, Value)>),
    DeadLetter {
        reason: String,
        description: String,
        properties: Vec<(Value, Value)>,
    },
    /// Unlocked as if it had not been delivered.
    Release,
}

#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) deliveries: Vec<Delivery>,
    /// There may be more to take at once.
    pub(crate) more: bool,
}

/// Bytes that one call of `take` hands out before it stops.
const BYTES: usize = 1 << 20;

impl State {
    /// Up to `count` messages. If there are fewer, `receiver` is woken when that changes.
    pub(super) fn take(&mut self, count: usize, mode: Mode, held: Option<&Held>, receiver: &Waiter, now: i64) -> Result<Taken, Refusal> {
        let (sequences, until) = match held {
            Some(held) => self.session_take(held, count)?,
            None => (self.ready.iter().copied().take(count).collect(), now.saturating_add(self.limits.lock)),
        };
        let few = sequences.len() < count;
        let mut taken = Taken { deliveries: Vec::with_capacity(sequences.len()), more: !few };
        let mut bytes = 0;
        for sequence in sequences {
            let Some(delivery) = self.hand_out(sequence, mode, until) else { continue };
            bytes += delivery.message.bare().len();
            taken.deliveries.push(delivery);
            if bytes >= BYTES {
                taken.more = true;
                break;
            }
        }
        if held.is_none() {
            self.waiters.retain(|waiter| !waiter.is(receiver));
            if few {
                self.waiters.push_back(receiver.clone());
            }
            self.wake();
        }
        Ok(taken)
    }

    fn hand_out(&mut self, sequence: i64, mode: Mode, until: i64) -> Option<Delivery> {
        if mode == Mode::ReceiveAndDelete {
            let delivery = self.delivery(sequence);
            self.remove(sequence);
            return delivery;
        }
        let entry = self.entries.get_mut(&sequence)?;
        let token = Uuid::new_v4();
        entry.place = Place::Locked { token, until, deferred: entry.place == Place::Deferred };
        let delivery = entry.view(sequence);
        self.locks.insert(token, sequence);
        if let Some(session) = delivery.message.properties().group_id.as_deref().filter(|_| self.limits.sessions) {
            self.session_lock(session, sequence);
        } else {
            self.ready.remove(&sequence);
            self.timers.insert((until, Timer::Lock(sequence)));
        }
        Some(delivery)
    }

    fn lock_lost(&self) -> Refusal {
        if self.limits.sessions { Refusal::SessionLockLost } else { Refusal::MessageLockLost }
    }

    pub(super) fn settle(&mut self, token: Uuid, settlement: Settlement, now: i64) -> Result<(), Refusal> {
        let sequence = *self.locks.get(&token).ok_or_else(|| self.lock_lost())?;
        match settlement {
            Settlement::Complete => drop(self.remove(sequence)),
            Settlement::Abandon(properties) => {
                self.modify(sequence, &properties);
                self.fail_attempt(sequence, now);
            }
            Settlement::Defer(properties) => {
                self.modify(sequence, &properties);
                self.defer(sequence);
            }
            Settlement::DeadLetter { reason, description, properties } => {
                self.dead_letter(sequence, &reason, &description, &properties);
            }
            Settlement::Release => self.release(sequence, now),
        }
        Ok(())
    }

    fn modify(&mut self, sequence: i64, properties: &[(Value, Value)]) {
        if let Some(entry) = self.entries.get_mut(&sequence).filter(|_| !properties.is_empty()) {
            self.bytes -= entry.size();
            entry.message = with_properties(&entry.message, properties);
            self.bytes += entry.size();
            self.touch(sequence, Touch::Whole);
        }
    }

    fn defer(&mut self, sequence: i64) {
        let Some(entry) = self.entries.get_mut(&sequence) else { return };
        let Place::Locked { token, until, .. } = entry.place else { return };
        let session = entry.session().map(str::to_owned);
        self.unlock(sequence, token, until, session.as_deref());
        self.set_deferred(sequence);
    }

    pub(super) fn release(&mut self, sequence: i64, now: i64) {
        let Some(entry) = self.entries.get_mut(&sequence) else { return };
        let Place::Locked { token, until, deferred } = entry.place else { return };
        let session = entry.session().map(str::to_owned);
        self.unlock(sequence, token, until, session.as_deref());
        if deferred {
            self.set_deferred(sequence);
        } else {
            self.make_ready(sequence, now);
        }
    }

    /// The new end of the lock.
    pub(super) fn renew(&mut self, token: Uuid, now: i64) -> Result<i64, Refusal> {
        let lost = self.lock_lost();
        let sequence = *self.locks.get(&token).ok_or(lost.clone())?;
        if self.limits.sessions {
            return Err(Refusal::NotAllowed("The messages of a session are locked by the session's lock: renew that.".into()));
        }
        let renewed = now.saturating_add(self.limits.lock);
        match self.entries.get_mut(&sequence).map(|entry| &mut entry.place) {
            Some(Place::Locked { until, .. }) => {
                self.timers.remove(&(*until, Timer::Lock(sequence)));
                *until = renewed;
                self.timers.insert((renewed, Timer::Lock(sequence)));
                Ok(renewed)
            }
            _ => Err(lost),
        }
    }

    /// Deferred messages by their numbers: all of them or none.
    pub(super) fn receive_deferred(&mut self, sequences: &[i64], mode: Mode, now: i64) -> Result<Vec<Delivery>, Refusal> {
        let deferred = |sequence: &&i64| self.entries.get(sequence).is_some_and(|entry| entry.place == Place::Deferred);
        if let Some(missing) = sequences.iter().find(|sequence| !deferred(sequence)) {
            return Err(Refusal::MessageNotFound(*missing));
        }
        let session = |sequence: &i64| self.entries.get(sequence).and_then(|entry| entry.session()).unwrap_or_default();
        if self.limits.sessions && !sequences.iter().all(|sequence| self.is_held(session(sequence))) {
            return Err(Refusal::SessionLockLost);
        }
        let until = now.saturating_add(self.limits.lock);
        Ok(sequences.iter().filter_map(|sequence| self.hand_out(*sequence, mode, until)).collect())
    }

    /// A receiver that goes leaves its turn to the others.
    pub(super) fn leave(&mut self, receiver: &Waiter) {
        self.waiters.retain(|waiter| !waiter.is(receiver));
        self.session_waiters.retain(|waiter| !waiter.is(receiver));
        self.wake();
        if !self.open_sessions.is_empty()
            && let Some(waiter) = self.session_waiters.pop_front()
        {
            waiter.wake();
        }
    }
}
