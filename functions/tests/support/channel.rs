//! A channel that writes down what it is told, and answers as the test wants.

use orders::{
    channels::{Channel, Journal, Unreadable},
    domain::{
        attempt::Attempt,
        delivery::{News, Notification},
        id::{DeliveryId, OrderId},
        order::Order,
    },
};
use std::{collections::VecDeque, sync::Mutex};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    pub order: OrderId,
    pub delivery: DeliveryId,
    pub news: String,
    pub attempt: u32,
    pub trace_id: Option<String>,
}

#[derive(Debug, Default)]
pub struct Recorder {
    told: Mutex<Vec<Told>>,
    answers: Mutex<VecDeque<Attempt>>,
}

impl Recorder {
    /// The next attempts end so; all after them succeed.
    pub fn answer_next(&self, answers: impl IntoIterator<Item = Attempt>) {
        self.answers.lock().unwrap().extend(answers);
    }

    pub fn told(&self) -> Vec<Told> {
        self.told.lock().unwrap().clone()
    }
}

#[async_trait::async_trait]
impl Channel for Recorder {
    fn name(&self) -> &'static str {
        "recorder"
    }

    async fn recipients(&self, news: News, _order: &Order) -> Result<Vec<String>, Unreadable> {
        Ok(if news.notifies() { vec!["test".into()] } else { vec![] })
    }

    async fn deliver(&self, notification: &Notification<'_>, _journal: &dyn Journal) -> Attempt {
        self.told.lock().unwrap().push(Told {
            order: notification.order_id,
            delivery: notification.delivery_id,
            news: notification.news.to_string(),
            attempt: notification.attempt,
            trace_id: notification.trace.map(orders::domain::trace::Trace::id),
        });
        self.answers.lock().unwrap().pop_front().unwrap_or(Attempt::Delivered { provider_id: None })
    }
}
