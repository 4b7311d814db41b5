//! When a queue wants to be looked at. A queue looks at the clock at every step anyway; alarms are for those that wait.

use super::{Broker, queue::Queue};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};
use tokio::sync::Notify;

#[derive(Debug, Default)]
pub(super) struct Alarms {
    set: Mutex<Set>,
    earlier: Notify,
}

#[derive(Debug, Default)]
struct Set {
    due: BTreeMap<(i64, u64), Weak<Queue>>,
    last: u64,
}

impl Alarms {
    pub(super) fn set(&self, due: i64, queue: &Arc<Queue>) {
        let mut set = self.set.lock().unwrap_or_else(PoisonError::into_inner);
        let is_first = set.due.first_key_value().is_none_or(|((first, _), _)| due < *first);
        set.last += 1;
        let number = set.last;
        set.due.insert((due, number), Arc::downgrade(queue));
        drop(set);
        if is_first {
            self.earlier.notify_one();
        }
    }

    fn first(&self) -> Option<i64> {
        self.set.lock().unwrap_or_else(PoisonError::into_inner).due.first_key_value().map(|((due, _), _)| *due)
    }

    fn pop(&self, now: i64) -> Option<Arc<Queue>> {
        let mut set = self.set.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let entry = set.due.first_entry().filter(|entry| entry.key().0 <= now)?;
            if let Some(queue) = entry.remove().upgrade() {
                return Some(queue);
            }
        }
    }

    /// Rings for ever.
    pub(super) async fn run(&self, broker: &Broker) {
        loop {
            let Some(due) = self.first() else {
                self.earlier.notified().await;
                continue;
            };
            tokio::select! {
                () = broker.clock.sleep_until(due) => {}
                () = self.earlier.notified() => continue,
            }
            while let Some(queue) = self.pop(broker.now()) {
                queue.ring(broker);
            }
        }
    }
}
