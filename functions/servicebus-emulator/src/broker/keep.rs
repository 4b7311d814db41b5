//! Messages over a restart: what changes in a queue is appended to the journal, and what an earlier process kept comes back.

use super::{
    Address, Broker, Node, Queue,
    changes::{Change, Kept},
    entry::Message,
};
use crate::journal::{Entry, Journal, JournalError, Record, State, Ticket};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Records in one frame: the changes of a moment may be many.
const FRAME: usize = 1000;

#[derive(Debug, Default)]
pub(super) struct Keeper {
    journal: OnceLock<Journal>,
    /// What was appended last.
    ticket: Mutex<Option<Ticket>>,
}

impl Broker {
    /// Puts back what `records` say, and keeps from here on.
    pub(crate) fn keep(&self, journal: Journal, records: Vec<Record>) {
        // A second journal would be a mistake of the caller's; the first one stays.
        let _ = self.keeper.journal.set(journal);
        for queue in self.all_queues() {
            queue.watch(self);
        }
        for record in records {
            let entity = match &record {
                Record::Stored(entry) => &entry.entity,
                Record::Session { entity, .. } | Record::Counter { entity, .. } => entity,
                Record::Removed { .. } | Record::Changed { .. } | Record::Dropped { .. } => continue,
            };
            let Some(queue) = self.place(entity) else {
                tracing::warn!(entity, "The journal has something of an entity that is not configured; it stays in the journal");
                continue;
            };
            self.put_back(&queue, record);
        }
    }

    pub(super) fn is_kept(&self) -> bool {
        self.keeper.journal.get().is_some()
    }

    fn place(&self, entity: &str) -> Option<Arc<Queue>> {
        Some(match self.find(&Address::parse(entity)).ok()? {
            Node::Queue(queue) => queue,
            Node::Topic(topic) => topic.stage.clone(),
        })
    }

    fn put_back(&self, queue: &Arc<Queue>, record: Record) {
        match record {
            Record::Stored(entry) => match Message::decode(&entry.message) {
                Ok(message) => queue.restore(self, entry.sequence, kept(entry, message)),
                Err(error) => tracing::warn!(entity = %queue.path, %error, "The journal has a message that can't be read"),
            },
            Record::Session { session, state, .. } => queue.restore_session(self, &session, state.map(serde_bytes::ByteBuf::into_vec)),
            Record::Counter { last, .. } => queue.restore_counter(self, last),
            Record::Removed { .. } | Record::Changed { .. } | Record::Dropped { .. } => {}
        }
    }

    pub(super) fn record(&self, queue: &Queue, changes: Vec<Change>) {
        let records: Vec<_> = changes.into_iter().map(|change| record(queue.key.clone(), change)).collect();
        self.append(&records);
    }

    pub(super) fn record_dropped(&self, queue: &Queue) {
        self.append(&[Record::Dropped { entity: queue.key.clone() }]);
    }

    fn append(&self, records: &[Record]) {
        let Some(journal) = self.keeper.journal.get() else { return };
        let mut last = self.keeper.ticket.lock().unwrap_or_else(PoisonError::into_inner);
        for records in records.chunks(FRAME) {
            match journal.append(records) {
                Ok(ticket) => *last = Some(ticket),
                // Whoever waits for the last ticket hears that the journal is broken.
                Err(error) => tracing::error!(%error, "Changes can't be kept"),
            }
        }
    }

    /// What must be on disk before anything is said about what has happened so far.
    pub(crate) fn ticket(&self) -> Option<Ticket> {
        *self.keeper.ticket.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) async fn durable(&self, ticket: Ticket) -> Result<(), JournalError> {
        match self.keeper.journal.get() {
            Some(journal) => journal.durable(ticket).await,
            None => Ok(()),
        }
    }
}

fn record(entity: String, change: Change) -> Record {
    match change {
        Change::Put { sequence, kept } => Record::Stored(stored(entity, sequence, &kept)),
        Change::Mark { sequence, delivery_count, deferred } => {
            let state = if deferred { State::Deferred } else { State::Active };
            Record::Changed { entity, sequence, state, delivery_count }
        }
        Change::Remove { sequence } => Record::Removed { entity, sequence },
        Change::SessionState { session, state } => {
            Record::Session { entity, session: session.to_string(), state: state.map(serde_bytes::ByteBuf::from) }
        }
    }
}

fn stored(entity: String, sequence: i64, kept: &Kept) -> Entry {
    let mut message = Vec::with_capacity(kept.message.bare().len() + 128);
    kept.message.encode(&mut message);
    Entry {
        entity,
        sequence,
        enqueued_sequence: kept.enqueued_sequence,
        enqueued_at: kept.enqueued,
        expires_at: kept.expires,
        delivery_count: kept.delivery_count,
        state: match kept.due {
            Some(due) => State::Scheduled { due },
            None if kept.deferred => State::Deferred,
            None => State::Active,
        },
        source: kept.source.as_deref().map(str::to_owned),
        message_id: kept.message.properties().message_id.as_ref().and_then(|id| id.as_text()).unwrap_or_default().to_owned(),
        message,
    }
}

fn kept(entry: Entry, message: Message) -> Kept {
    Kept {
        message: Arc::new(message),
        enqueued_sequence: entry.enqueued_sequence,
        enqueued: entry.enqueued_at,
        expires: entry.expires_at,
        delivery_count: entry.delivery_count,
        deferred: entry.state == State::Deferred,
        due: match entry.state {
            State::Scheduled { due } => Some(due),
            State::Active | State::Deferred => None,
        },
        source: entry.source.map(Into::into),
    }
}
