//! Tells the customer by e-mail: over SMTP, or by Azure Communication Services Email.

mod acs;
pub mod letter;
mod phrases;
pub mod server;
mod smtp;

use super::{Channel, Directory, Journal, Unreadable};
use crate::domain::{
    attempt::{Asked, Attempt},
    delivery::{News, Notification},
    id::DeliveryId,
    order::Order,
};
use letter::Letter;
use lettre::{
    Address, Message,
    message::{
        Mailbox, MultiPart,
        header::{HeaderName, HeaderValue},
    },
};
use server::{Server, Settings};
use std::sync::Arc;

/// As in `NOTIFY_CHANNELS` and in the register of suppressed addresses.
pub const NAME: &str = "email";

#[derive(Debug)]
pub struct Email {
    from: Mailbox,
    way: Way,
    directory: Arc<dyn Directory>,
}

#[derive(Debug)]
enum Way {
    Smtp(smtp::MailServer),
    Acs(acs::Service),
}

impl Email {
    /// Opens no connection yet.
    pub fn new(settings: &Settings, directory: Arc<dyn Directory>) -> Self {
        let way = match &settings.server {
            Server::Smtp(server) => Way::Smtp(smtp::MailServer::new(server, &settings.from.email)),
            Server::Acs(service) => Way::Acs(acs::Service::new(service)),
        };
        Self { from: settings.from.clone(), way, directory }
    }

    async fn send(&self, notification: &Notification<'_>, letter: &Letter, journal: &dyn Journal) -> Attempt {
        let name = notification.order.customer.name.as_str();
        match &self.way {
            Way::Smtp(server) => match message(&self.from, notification.recipient, name, notification.delivery_id, letter) {
                Ok(message) => server.send(&message, journal.hand_over()).await,
                Err(reason) => Attempt::Unsendable { reason },
            },
            Way::Acs(service) => {
                service.send(acs::Service::operation(notification), &self.from.email, (notification.recipient, name), letter, journal).await
            }
        }
    }
}

#[async_trait::async_trait]
impl Channel for Email {
    fn name(&self) -> &'static str {
        NAME
    }

    async fn recipients(&self, news: News, order: &Order) -> Result<Vec<String>, Unreadable> {
        Ok(if news.notifies() { order.customer.email.iter().cloned().collect() } else { Vec::new() })
    }

    fn endpoint(&self, _recipient: &str) -> Option<String> {
        Some(match &self.way {
            Way::Smtp(server) => format!("{NAME} {}", server.address()),
            Way::Acs(service) => format!("{NAME} {}", service.address()),
        })
    }

    async fn deliver(&self, notification: &Notification<'_>, journal: &dyn Journal) -> Attempt {
        match self.directory.suppressed(NAME, notification.recipient).await {
            Ok(None) => {}
            Ok(Some(reason)) => return Attempt::Unsendable { reason: format!("the address is suppressed: {reason}") },
            Err(error) => return Attempt::NotMade { reason: error.to_string() },
        }
        match letter::compose(notification.order, notification.news) {
            Ok(Some(letter)) => self.send(notification, &letter, journal).await,
            Ok(None) => Attempt::Unsendable { reason: "the event is nothing to tell by e-mail".into() },
            Err(error) => Attempt::Unsendable { reason: format!("the e-mail cannot be written: {error}") },
        }
    }

    fn can_ask(&self) -> bool {
        matches!(self.way, Way::Acs(_))
    }

    async fn ask(&self, notification: &Notification<'_>, _provider_ref: Option<&str>) -> Asked {
        match &self.way {
            Way::Smtp(_) => Asked::CannotBeAsked,
            // The operation bears the delivery's id, whether or not anything was heard of it.
            Way::Acs(service) => service.ask(acs::Service::operation(notification)).await,
        }
    }
}

/// The whole message. Its id is the delivery's on every attempt, so that a second copy can be recognised as one (RFC 5322
/// §3.6.4).
fn message(from: &Mailbox, recipient: &str, name: &str, id: DeliveryId, letter: &Letter) -> Result<Message, String> {
    let address: Address = recipient.parse().map_err(|_| "the address is none that e-mail can be sent to".to_owned())?;
    Message::builder()
        .message_id(Some(format!("<{id}@{}>", from.email.domain())))
        .from(from.clone())
        .to(Mailbox::new(Some(name.to_owned()), address))
        .subject(letter.subject.as_str())
        .date_now()
        // Nobody's absence is to be answered to (RFC 3834 §5).
        .raw_header(HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".into()))
        .raw_header(HeaderValue::new(HeaderName::new_from_ascii_str("Content-Language"), letter.language.into()))
        .multipart(MultiPart::alternative_plain_html(letter.text.clone(), letter.html.clone()))
        .map_err(|error| format!("the e-mail cannot be written: {error}"))
}
