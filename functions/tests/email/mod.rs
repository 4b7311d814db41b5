//! Telling the customer by e-mail: over SMTP to a scripted mail server, by Azure Communication Services to a scripted service.

mod acs;
mod handing_over;
mod letters;
mod peer;
mod process;
mod service;
mod smtp;
mod suppression;

use crate::support::client::order;
use orders::{
    channels::{
        Channel, Directory, HandOver, Journal, Unreadable,
        email::{
            Email,
            server::{Server, Settings},
        },
    },
    domain::{
        attempt::Attempt,
        delivery::{News, Notification},
        id::{DeliveryId, EventId, OrderId},
        new_order::NewOrder,
        node::Node,
        order::Order,
        webhook::Endpoint,
    },
};
use serde_json::Value;
use std::sync::{Arc, Mutex};
use uuid::Uuid;

const DELIVERY: DeliveryId = DeliveryId(Uuid::from_u128(0x0195_8f6e_7c1b_7a3e_9d52_5b0c_6a2f_4e11));

/// Nothing is suppressed.
#[derive(Debug)]
struct Everybody;

#[async_trait::async_trait]
impl Directory for Everybody {
    async fn suppressed(&self, _channel: &str, _address: &str) -> Result<Option<String>, Unreadable> {
        Ok(None)
    }

    async fn webhook_endpoints(&self) -> Result<Vec<Endpoint>, Unreadable> {
        Ok(vec![])
    }

    async fn disable_webhook_endpoint(&self, _endpoint: &Endpoint, _reason: &str) -> Result<(), Unreadable> {
        Ok(())
    }
}

/// What was written down before an attempt ended.
#[derive(Debug, Default)]
struct Notes(Mutex<Vec<String>>, HandOver);

#[async_trait::async_trait]
impl Journal for Notes {
    fn hand_over(&self) -> &HandOver {
        &self.1
    }

    async fn sent(&self, provider_ref: &str) {
        self.0.lock().unwrap().push(provider_ref.to_owned());
    }
}

fn placed(body: &Value) -> Order {
    let text = body.to_string();
    let id = OrderId(Uuid::from_u128(0x0195_8f6e_7c1b_7a3e_9d52_5b0c_6a2f_0001));
    Order::place(NewOrder::parse(&Node::parse(&text).unwrap(), &["email"]).unwrap(), id)
}

fn email(server: Server) -> Email {
    let settings = Settings { server, from: "Shop <shop@example.com>".parse().unwrap() };
    Email::new(&settings, Arc::new(Everybody))
}

fn notification(order: &Order) -> Notification<'_> {
    Notification {
        delivery_id: DELIVERY,
        event_id: EventId(DELIVERY.0),
        order_id: order.id,
        news: News::Created,
        recipient: order.customer.email.as_deref().unwrap(),
        attempt: 1,
        failures: 0,
        trace: None,
        order,
    }
}

/// One attempt to tell of a small order.
async fn tell(email: &Email) -> Attempt {
    email.deliver(&notification(&placed(&order())), &Notes::default()).await
}
