//! Handing a message to a mail server (RFC 5321, RFC 6409), with [lettre](https://docs.rs/lettre) speaking.
//!
//! The steps are taken here one by one, since what a failure means depends on the step: until `DATA` is answered nothing can
//! have been sent, and after the message was handed over without an answer nobody knows.

mod connection;
mod fault;

use super::server::Smtp;
use crate::{channels::HandOver, domain::attempt::Attempt};
use connection::{Connections, Held};
use fault::Fault;
use lettre::{
    Address, Message,
    transport::smtp::{
        commands::{Data, Mail, Rcpt},
        extension::{Extension, MailBodyParameter, MailParameter},
        response::Response,
    },
};
use std::time::Duration;
use tokio::time::timeout;

#[derive(Debug)]
pub(super) struct MailServer {
    connections: Connections,
}

/// At which step it failed.
enum Step {
    Mail(Fault),
    Recipient(Fault),
    Data(Fault),
    /// The address has letters that the server does not take (RFC 6531).
    Letters,
}

impl MailServer {
    pub(super) fn new(settings: &Smtp, from: &Address) -> Self {
        Self { connections: Connections::new(settings, from) }
    }

    /// `HOST:PORT`.
    pub(super) fn address(&self) -> String {
        self.connections.address()
    }

    /// Hands over one message to its one recipient.
    pub(super) async fn send(&self, message: &Message, hand_over: &HandOver) -> Attempt {
        let mut held = match self.connections.get().await {
            Ok(held) => held,
            Err(fault) => return not_reached(&fault),
        };
        let refused = loop {
            match announce(&mut held, message, self.connections.patience.step).await {
                Ok(()) => break None,
                // Servers hang up on resting connections, also between two messages.
                Err(Step::Mail(fault)) if held.is_used && fault.is_gone() => {
                    held = match self.connections.again(held).await {
                        Ok(fresh) => fresh,
                        Err(fault) => return not_reached(&fault),
                    }
                }
                Err(step) => break Some(step),
            }
        };
        if let Some(step) = refused {
            if !step.is_gone() {
                self.connections.recover(held).await;
            }
            return step.attempt();
        }
        hand_over.begin();
        match within(self.connections.patience.answer, held.connection.message(&message.formatted())).await {
            Ok(answer) => {
                self.connections.keep(held);
                Attempt::Delivered { provider_id: queued_as(&answer) }
            }
            Err(fault @ Fault::Silence(_)) => {
                Attempt::Unknown { reason: format!("the mail server may have taken it: {fault}"), provider_ref: None, retry_after: None }
            }
            Err(fault) => {
                self.connections.recover(held).await;
                judged("the mail server refused the message", &fault)
            }
        }
    }
}

/// Up to the point from which on the server may have the message.
async fn announce(held: &mut Held<'_>, message: &Message, time: Duration) -> Result<(), Step> {
    let (envelope, connection) = (message.envelope(), &mut held.connection);
    let mut parameters = Vec::new();
    // Then the address stands in the message's header as well; the rest of the message is ASCII, whatever it says.
    if envelope.to().iter().chain(envelope.from()).any(|address| !AsRef::<str>::as_ref(address).is_ascii()) {
        if !connection.server_info().supports_feature(Extension::SmtpUtfEight) {
            return Err(Step::Letters);
        }
        parameters.extend([MailParameter::SmtpUtfEight, MailParameter::Body(MailBodyParameter::EightBitMime)]);
    }
    within(time, connection.command(Mail::new(envelope.from().cloned(), parameters))).await.map_err(Step::Mail)?;
    for recipient in envelope.to() {
        within(time, connection.command(Rcpt::new(recipient.clone(), Vec::new()))).await.map_err(Step::Recipient)?;
    }
    within(time, connection.command(Data)).await.map_err(Step::Data)?;
    Ok(())
}

async fn within(time: Duration, step: impl Future<Output = Result<Response, lettre::transport::smtp::Error>>) -> Result<Response, Fault> {
    match timeout(time, step).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(Fault::late(time)),
    }
}

impl Step {
    fn is_gone(&self) -> bool {
        match self {
            Self::Mail(fault) | Self::Recipient(fault) | Self::Data(fault) => fault.is_gone(),
            Self::Letters => false,
        }
    }

    fn attempt(&self) -> Attempt {
        match self {
            Self::Mail(fault) if fault.is_permanent() && !fault.is_about_message() => not_reached(fault),
            Self::Mail(fault) => judged("the mail server refused the sender", fault),
            Self::Recipient(fault) => judged("the mail server refused the recipient", fault),
            Self::Data(fault) => judged("the mail server refused the message", fault),
            Self::Letters => Attempt::Permanent { reason: "the mail server takes no addresses with letters beyond ASCII".into() },
        }
    }
}

/// The customer's e-mail has nothing to do with it, and the operator can mend it.
fn not_reached(fault: &Fault) -> Attempt {
    let reason = format!("the mail server cannot be used: {fault}");
    match fault {
        Fault::NotMade(_) => Attempt::NotMade { reason },
        Fault::Answer { .. } | Fault::Silence(_) => Attempt::Down { reason, retry_after: None },
    }
}

fn judged(what: &str, fault: &Fault) -> Attempt {
    let reason = format!("{what}: {fault}");
    match fault {
        Fault::Answer { .. } if fault.is_permanent() => Attempt::Permanent { reason },
        _ if fault.is_gone() => Attempt::Down { reason, retry_after: None },
        Fault::NotMade(_) => Attempt::NotMade { reason },
        Fault::Answer { .. } | Fault::Silence(_) => Attempt::Transient { reason, retry_after: None },
    }
}

/// What the server calls the message, as far as it says so: the last word of `2.0.0 Ok: queued as 4F1B2`.
fn queued_as(answer: &Response) -> Option<String> {
    let line = fault::impersonal(answer.first_line()?);
    line.split_once("queued as ").map(|(_, id)| id.trim().to_owned()).filter(|id| !id.is_empty())
}
