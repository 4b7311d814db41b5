//! How queues and fault hooks reach a connection: they leave a note, its task looks when it is woken.

use crate::amqp::Error;
use std::{
    mem,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::Notify;

#[derive(Debug)]
pub(crate) enum Event {
    /// The link with this number may have something to take.
    Ready(u64),
    /// Links of an entity are to go.
    Detach { path: String, error: Error },
    /// The connection is to go, without a word.
    Drop,
}

#[derive(Debug, Default)]
pub(crate) struct Mailbox {
    events: Mutex<Vec<Event>>,
    arrived: Notify,
}

impl Mailbox {
    pub(crate) fn post(&self, event: Event) {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).push(event);
        self.arrived.notify_one();
    }

    /// Returns at once if something arrived since the last call.
    pub(crate) async fn arrived(&self) {
        self.arrived.notified().await;
    }

    pub(crate) fn take(&self) -> Vec<Event> {
        mem::take(&mut *self.events.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A link that waits for messages or for a session.
#[derive(Debug, Clone)]
pub(crate) struct Waiter {
    pub(crate) mailbox: Arc<Mailbox>,
    /// Unlike any other link's of the same connection.
    pub(crate) link: u64,
}

impl Waiter {
    pub(crate) fn wake(&self) {
        self.mailbox.post(Event::Ready(self.link));
    }

    pub(crate) fn is(&self, other: &Self) -> bool {
        self.link == other.link && Arc::ptr_eq(&self.mailbox, &other.mailbox)
    }
}
