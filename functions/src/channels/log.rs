//! Tells the operator's log instead of the customer.

use super::{Channel, Journal, Unreadable};
use crate::domain::{
    attempt::Attempt,
    delivery::{News, Notification},
    order::Order,
};

#[derive(Debug)]
pub(super) struct Log;

#[async_trait::async_trait]
impl Channel for Log {
    fn name(&self) -> &'static str {
        "log"
    }

    async fn recipients(&self, news: News, _order: &Order) -> Result<Vec<String>, Unreadable> {
        Ok(if news.notifies() { vec!["operator".into()] } else { vec![] })
    }

    async fn deliver(&self, notification: &Notification<'_>, _journal: &dyn Journal) -> Attempt {
        tracing::info!(
            order = %notification.order_id,
            event = %notification.event_id,
            delivery = %notification.delivery_id,
            attempt = notification.attempt,
            "told the customer by log: {}",
            notification.sentence()
        );
        Attempt::Delivered { provider_id: None }
    }
}
