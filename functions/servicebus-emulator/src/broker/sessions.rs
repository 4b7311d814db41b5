//! Sessions: messages with the same group id, of which one receiver at a time holds the lock.

use super::{
    entry::Place,
    mailbox::Waiter,
    refusal::Refusal,
    state::{State, Timer},
};
use std::{collections::BTreeSet, sync::Arc};
use uuid::Uuid;

#[derive(Debug, Default)]
pub(super) struct Session {
    pub(super) ready: BTreeSet<i64>,
    pub(super) locked: BTreeSet<i64>,
    /// What the application keeps with the session.
    pub(super) state: Option<Vec<u8>>,
    hold: Option<Hold>,
}

#[derive(Debug)]
struct Hold {
    id: Uuid,
    until: i64,
    receiver: Waiter,
    /// The receiver has nothing to take and wants to hear when that changes.
    idle: bool,
}

/// A receiver's hold on a session.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub(crate) session: Arc<str>,
    pub(super) id: Uuid,
    /// Milliseconds since the Unix epoch.
    pub(crate) until: i64,
}

impl State {
    pub(super) fn session_ready(&mut self, name: &Arc<str>, sequence: i64) {
        self.close_session(name);
        let session = self.sessions.entry(name.clone()).or_default();
        session.ready.insert(sequence);
        if let Some(hold) = session.hold.as_mut().filter(|hold| hold.idle) {
            hold.idle = false;
            hold.receiver.wake();
        }
        self.reopen_session(name);
    }

    pub(super) fn session_unready(&mut self, name: &str, sequence: i64) {
        self.close_session(name);
        if let Some(session) = self.sessions.get_mut(name) {
            session.ready.remove(&sequence);
        }
        self.reopen_session(name);
    }

    pub(super) fn session_unlock(&mut self, name: &str, sequence: i64) {
        if let Some(session) = self.sessions.get_mut(name) {
            session.locked.remove(&sequence);
        }
        self.reopen_session(name);
    }

    /// Takes a session off the list of those that can be accepted, before what the list goes by changes.
    fn close_session(&mut self, name: &str) {
        if let Some((name, session)) = self.sessions.get_key_value(name)
            && let Some(first) = session.ready.first()
        {
            self.open_sessions.remove(&(*first, name.clone()));
        }
    }

    /// Puts it back if it has messages and no receiver; forgets it if it has nothing at all.
    fn reopen_session(&mut self, name: &str) {
        let Some((key, session)) = self.sessions.get_key_value(name) else { return };
        match session.ready.first() {
            Some(first) if session.hold.is_none() => {
                self.open_sessions.insert((*first, key.clone()));
                if let Some(waiter) = self.session_waiters.pop_front() {
                    waiter.wake();
                }
            }
            None if session.hold.is_none() && session.locked.is_empty() && session.state.is_none() => {
                self.sessions.remove(name);
            }
            _ => {}
        }
    }

    /// Locks the named session, or the one whose first message is the oldest. `None` if there is none to be had, and
    /// then `receiver` is woken when one may be.
    pub(super) fn accept_session(&mut self, wanted: Option<&str>, receiver: &Waiter, now: i64) -> Result<Option<Held>, Refusal> {
        let next = || self.open_sessions.first().map(|(_, name)| name.clone());
        let Some(name) = wanted.map(Arc::from).or_else(next) else {
            self.session_waiters.retain(|waiter| !waiter.is(receiver));
            self.session_waiters.push_back(receiver.clone());
            return Ok(None);
        };
        self.close_session(&name);
        let until = now.saturating_add(self.limits.lock);
        let session = self.sessions.entry(name.clone()).or_default();
        if session.hold.is_some() {
            return Err(Refusal::SessionCannotBeLocked(name.to_string()));
        }
        let id = Uuid::new_v4();
        session.hold = Some(Hold { id, until, receiver: receiver.clone(), idle: false });
        self.timers.insert((until, Timer::Session(name.clone())));
        Ok(Some(Held { session: name, id, until }))
    }

    pub(super) fn held_by(&mut self, receiver: &Held) -> Result<&mut Session, Refusal> {
        let session = self.sessions.get_mut(&receiver.session);
        let is_theirs = |session: &&mut Session| session.hold.as_ref().is_some_and(|hold| hold.id == receiver.id);
        session.filter(is_theirs).ok_or(Refusal::SessionLockLost)
    }

    pub(super) fn is_held(&self, name: &str) -> bool {
        self.sessions.get(name).is_some_and(|session| session.hold.is_some())
    }

    /// Up to `count` messages that are ready, lowest number first. With none, the receiver is woken when that changes.
    pub(super) fn session_take(&mut self, held: &Held, count: usize) -> Result<(Vec<i64>, i64), Refusal> {
        let session = self.held_by(held)?;
        let taken: Vec<_> = session.ready.iter().copied().take(count).collect();
        let mut until = held.until;
        if let Some(hold) = &mut session.hold {
            hold.idle = taken.len() < count;
            until = hold.until;
        }
        Ok((taken, until))
    }

    pub(super) fn session_lock(&mut self, name: &str, sequence: i64) {
        if let Some(session) = self.sessions.get_mut(name) {
            session.ready.remove(&sequence);
            session.locked.insert(sequence);
        }
    }

    /// The new end of the lock.
    pub(super) fn renew_session(&mut self, name: &str, now: i64) -> Result<i64, Refusal> {
        let until = now.saturating_add(self.limits.lock);
        let session = self.sessions.get_mut(name).ok_or(Refusal::SessionLockLost)?;
        let name: Arc<str> = name.into();
        let hold = session.hold.as_mut().ok_or(Refusal::SessionLockLost)?;
        self.timers.remove(&(hold.until, Timer::Session(name.clone())));
        hold.until = until;
        self.timers.insert((until, Timer::Session(name)));
        let locked: Vec<_> = session.locked.iter().copied().collect();
        for sequence in locked {
            if let Some(Place::Locked { until: end, .. }) = self.entries.get_mut(&sequence).map(|entry| &mut entry.place) {
                *end = until;
            }
        }
        Ok(until)
    }

    /// The receiver goes: its messages are there for the next one, and the attempt does not count.
    pub(super) fn release_session(&mut self, held: &Held, now: i64) {
        if let Ok(session) = self.held_by(held) {
            let until = session.hold.take().map_or(0, |hold| hold.until);
            self.timers.remove(&(until, Timer::Session(held.session.clone())));
            self.return_messages(&held.session, |state, sequence| state.release(sequence, now));
        }
    }

    pub(super) fn expire_session(&mut self, name: &Arc<str>, now: i64) {
        let hold = self.sessions.get_mut(name).and_then(|session| session.hold.take());
        if let Some(hold) = hold {
            hold.receiver.wake();
            self.return_messages(name, |state, sequence| state.fail_attempt(sequence, now));
        }
    }

    fn return_messages(&mut self, name: &Arc<str>, back: impl Fn(&mut Self, i64)) {
        let locked = self.sessions.get(name).map(|session| session.locked.clone()).unwrap_or_default();
        for sequence in locked {
            back(self, sequence);
        }
        self.reopen_session(name);
    }

    pub(super) fn session_state(&self, name: &str) -> Option<Vec<u8>> {
        self.sessions.get(name)?.state.clone()
    }

    pub(super) fn set_session_state(&mut self, name: &str, state: Option<Vec<u8>>) -> Result<(), Refusal> {
        let session = self.sessions.get_mut(name).ok_or(Refusal::SessionLockLost)?;
        if session.hold.is_none() {
            return Err(Refusal::SessionLockLost);
        }
        session.state = state;
        self.touch_session(name);
        Ok(())
    }

    /// Names of sessions that hold messages or state, sorted.
    pub(super) fn session_names(&self) -> Vec<String> {
        let mut names: Vec<_> = self.sessions.keys().map(ToString::to_string).collect();
        names.sort();
        names
    }
}
