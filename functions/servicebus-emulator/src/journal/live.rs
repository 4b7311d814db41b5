//! What is still there after all records.

use super::{Entry, Record};
use std::collections::BTreeMap;

#[derive(Debug, Default)]
pub(super) struct Live {
    messages: BTreeMap<(String, i64), Entry>,
    sessions: BTreeMap<(String, String), serde_bytes::ByteBuf>,
    counters: BTreeMap<String, i64>,
}

impl Live {
    pub(super) fn apply(&mut self, record: Record) {
        match record {
            Record::Stored(entry) => {
                self.count(&entry.entity, entry.sequence);
                self.messages.insert((entry.entity.clone(), entry.sequence), entry);
            }
            Record::Removed { entity, sequence } => {
                self.messages.remove(&(entity, sequence));
            }
            Record::Changed { entity, sequence, state, delivery_count } => {
                if let Some(entry) = self.messages.get_mut(&(entity, sequence)) {
                    (entry.state, entry.delivery_count) = (state, delivery_count);
                }
            }
            Record::Session { entity, session, state: Some(state) } => {
                self.sessions.insert((entity, session), state);
            }
            Record::Session { entity, session, state: None } => {
                self.sessions.remove(&(entity, session));
            }
            Record::Counter { entity, last } => self.count(&entity, last),
            Record::Dropped { entity } => {
                self.messages.retain(|(of, _), _| *of != entity);
                self.sessions.retain(|(of, _), _| *of != entity);
                self.counters.remove(&entity);
            }
        }
    }

    fn count(&mut self, entity: &str, sequence: i64) {
        match self.counters.get_mut(entity) {
            Some(last) => *last = sequence.max(*last),
            None => {
                self.counters.insert(entity.to_owned(), sequence);
            }
        }
    }

    pub(super) fn into_records(self) -> Vec<Record> {
        let counters = self.counters.into_iter().map(|(entity, last)| Record::Counter { entity, last });
        let messages = self.messages.into_values().map(Record::Stored);
        let sessions = self.sessions.into_iter().map(|((entity, session), state)| Record::Session { entity, session, state: Some(state) });
        counters.chain(messages).chain(sessions).collect()
    }
}
