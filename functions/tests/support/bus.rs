//! A topic with one subscription in memory, for tests that take each message by hand: redelivery with a count.

use orders::bus::{Bus, BusError, Delivered, Incoming, Message, SettleError, Settlement, Subscription};
use std::{
    collections::VecDeque,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::sync::Notify;

#[derive(Debug, Default)]
pub struct InMemory {
    waiting: Mutex<VecDeque<Delivered>>,
    arrived: Notify,
    receipts: AtomicU64,
}

impl InMemory {
    fn put(&self, delivered: impl IntoIterator<Item = Delivered>) {
        self.waiting.lock().unwrap().extend(delivered);
        self.arrived.notify_one();
    }

    fn take(&self) -> Option<Delivered> {
        let mut waiting = self.waiting.lock().unwrap();
        let taken = waiting.pop_front();
        if !waiting.is_empty() {
            self.arrived.notify_one();
        }
        taken
    }
}

#[async_trait::async_trait]
impl Bus for InMemory {
    async fn publish(&self, messages: Vec<Message>) -> Vec<Result<(), BusError>> {
        let outcomes = vec![Ok(()); messages.len()];
        self.put(messages.into_iter().map(|Message { id, trace, body, .. }| Delivered {
            message: Incoming { id: Some(id.to_string()), trace, body },
            delivery_count: 1,
            receipt: self.receipts.fetch_add(1, Ordering::Relaxed),
        }));
        outcomes
    }
}

#[async_trait::async_trait]
impl Subscription for InMemory {
    async fn receive(&self) -> Option<Delivered> {
        loop {
            if let Some(delivered) = self.take() {
                return Some(delivered);
            }
            self.arrived.notified().await;
        }
    }

    async fn settle(&self, delivered: Delivered, settlement: Settlement) -> Result<(), SettleError> {
        if settlement == Settlement::Abandon {
            self.put([Delivered { delivery_count: delivered.delivery_count + 1, ..delivered }]);
        }
        Ok(())
    }
}
