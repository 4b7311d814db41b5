//! Tells the operator's log instead of the customer.

use super::Channel;
use crate::domain::{
    delivery::{Attempt, Notification},
    order::Order,
};

#[derive(Debug)]
pub(super) struct Log;

#[async_trait::async_trait]
impl Channel for Log {
    fn name(&self) -> &'static str {
        "log"
    }

    fn recipients(&self, _order: &Order) -> Vec<String> {
        vec!["operator".into()]
    }

    async fn deliver(&self, notification: &Notification<'_>) -> Attempt {
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
