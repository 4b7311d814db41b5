//! A topic with one subscription in memory: at least once, redelivery with a count, dead-lettering.
//!
//! It forgets everything when the process ends; the outbox knows which events nobody received.

use super::{Bus, BusError, Delivered, Message, Settlement, Subscription};
use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};
use tokio::sync::Notify;

/// Service Bus's own default.
const MAX_DELIVERY_COUNT: u32 = 10;

#[derive(Debug, Default)]
pub(super) struct InProcess {
    waiting: Mutex<VecDeque<Delivered>>,
    arrived: Notify,
}

impl InProcess {
    fn put(&self, delivered: impl IntoIterator<Item = Delivered>) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).extend(delivered);
        self.arrived.notify_one();
    }

    fn take(&self) -> Option<Delivered> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = waiting.pop_front();
        if !waiting.is_empty() {
            self.arrived.notify_one();
        }
        taken
    }
}

#[async_trait::async_trait]
impl Bus for InProcess {
    async fn publish(&self, messages: Vec<Message>) -> Vec<Result<(), BusError>> {
        let outcomes = vec![Ok(()); messages.len()];
        self.put(messages.into_iter().map(|message| Delivered { message, delivery_count: 1 }));
        outcomes
    }
}

#[async_trait::async_trait]
impl Subscription for InProcess {
    async fn receive(&self) -> Delivered {
        loop {
            if let Some(delivered) = self.take() {
                return delivered;
            }
            self.arrived.notified().await;
        }
    }

    async fn settle(&self, delivered: Delivered, settlement: Settlement) -> Result<(), BusError> {
        let event = delivered.message.id;
        match settlement {
            Settlement::Complete => {}
            Settlement::Abandon if delivered.delivery_count < MAX_DELIVERY_COUNT => {
                self.put([Delivered { delivery_count: delivered.delivery_count + 1, ..delivered }]);
            }
            Settlement::Abandon => tracing::warn!(%event, "dead-lettered: MaxDeliveryCountExceeded"),
            Settlement::DeadLetter(reason) => tracing::warn!(%event, reason, "dead-lettered"),
        }
        Ok(())
    }
}
