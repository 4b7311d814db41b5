//! What of a queue outlives the process: its messages and the state of its sessions. Locks don't; a message that was locked
//! is ready again.

use super::{
    entry::{Entry, Message, Place},
    state::{Effect, State},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// How much of a message changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Touch {
    /// Its delivery count, or whether it is deferred.
    Mark,
    Whole,
}

#[derive(Debug, Default)]
pub(super) struct Touched {
    messages: BTreeMap<i64, Touch>,
    sessions: BTreeSet<Arc<str>>,
}

#[derive(Debug)]
pub(crate) enum Change {
    Put { sequence: i64, kept: Kept },
    Mark { sequence: i64, delivery_count: u32, deferred: bool },
    Remove { sequence: i64 },
    SessionState { session: Arc<str>, state: Option<Vec<u8>> },
}

/// A message with what the queue knows of it. Times in milliseconds since the Unix epoch.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) message: Arc<Message>,
    pub(crate) enqueued_sequence: i64,
    pub(crate) enqueued: i64,
    pub(crate) expires: i64,
    pub(crate) delivery_count: u32,
    pub(crate) deferred: bool,
    /// When it is to be enqueued, if it is not yet.
    pub(crate) due: Option<i64>,
    pub(crate) source: Option<Arc<str>>,
}

impl Kept {
    fn of(entry: &Entry) -> Self {
        let due = match entry.place {
            Place::Scheduled { due } => Some(due),
            _ => None,
        };
        Self {
            message: entry.message.clone(),
            enqueued_sequence: entry.enqueued_sequence,
            enqueued: entry.enqueued,
            expires: entry.expires,
            delivery_count: entry.delivery_count,
            deferred: is_deferred(entry),
            due,
            source: entry.source.clone(),
        }
    }

    fn entry(self) -> Entry {
        let place = match self.due {
            Some(due) => Place::Scheduled { due },
            None if self.deferred => Place::Deferred,
            None => Place::Ready,
        };
        Entry {
            message: self.message,
            enqueued_sequence: self.enqueued_sequence,
            enqueued: self.enqueued,
            expires: self.expires,
            delivery_count: self.delivery_count,
            place,
            source: self.source,
        }
    }
}

fn is_deferred(entry: &Entry) -> bool {
    matches!(entry.place, Place::Deferred | Place::Locked { deferred: true, .. })
}

impl State {
    /// From here on, changes are collected.
    pub(super) fn watch(&mut self) {
        self.touched.get_or_insert_default();
    }

    pub(super) fn touch(&mut self, sequence: i64, how: Touch) {
        if let Some(touched) = &mut self.touched {
            let known = touched.messages.entry(sequence).or_insert(how);
            *known = how.max(*known);
        }
    }

    pub(super) fn touch_session(&mut self, name: &str) {
        if let Some(touched) = &mut self.touched {
            touched.sessions.insert(name.into());
        }
    }

    /// What has changed since the last time. That messages left which effects take elsewhere is for later, when they are there.
    pub(super) fn changes(&mut self) -> Vec<Change> {
        let Some(touched) = self.touched.as_mut().map(std::mem::take) else { return Vec::new() };
        let message = |(sequence, how)| match (self.entries.get(&sequence), how) {
            (None, _) => Change::Remove { sequence },
            (Some(entry), Touch::Whole) => Change::Put { sequence, kept: Kept::of(entry) },
            (Some(entry), Touch::Mark) => Change::Mark { sequence, delivery_count: entry.delivery_count, deferred: is_deferred(entry) },
        };
        let session = |session: Arc<str>| Change::SessionState { state: self.session_state(&session), session };
        let leaving: BTreeSet<_> = self.effects.iter().map(Effect::sequence).collect();
        let messages = touched.messages.into_iter().filter(|(sequence, _)| !leaving.contains(sequence));
        messages.map(message).chain(touched.sessions.into_iter().map(session)).collect()
    }

    /// Puts back what an earlier process kept, which is no change unless its time is over.
    pub(super) fn restore(&mut self, sequence: i64, kept: Kept, now: i64) {
        self.last_sequence = self.last_sequence.max(sequence);
        self.add(sequence, kept.entry(), now);
        if let Some(touched) = self.touched.as_mut().filter(|_| self.entries.contains_key(&sequence)) {
            touched.messages.remove(&sequence);
        }
    }

    pub(super) fn restore_session(&mut self, name: &str, state: Option<Vec<u8>>) {
        self.sessions.entry(name.into()).or_default().state = state;
    }
}
