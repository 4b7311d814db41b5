//! Messages on their way in.

use super::{
    MAX_MESSAGE_SIZE, cbs,
    link::{CREDIT, Incoming, Link, Partial, Sink},
    management,
    output::{Context, Reply},
    session::{Session, WINDOW},
};
use crate::{
    amqp::{DeliveryState, Disposition, Error, Message, Performative, Role, Transfer, message::BATCH_FORMAT},
    broker::{Node, Refusal},
    faults::Loss,
};
use std::time::Duration;

/// Bytes above the limit that a message may have and still be read to its end before it is refused.
const LIMIT: usize = 262_144;

impl Session {
    pub(super) fn on_transfer(&mut self, transfer: &Transfer<'_>, payload: &[u8], context: &mut Context) -> Result<(), Error> {
        self.next_incoming_id = self.next_incoming_id.wrapping_add(1);
        self.incoming_window = self.incoming_window.saturating_sub(1);
        if self.incoming_window < WINDOW / 2 {
            let flow = self.flow();
            context.send(self.channel, &Performative::Flow(flow));
        }
        if self.detaching.contains(&transfer.handle) {
            return Ok(());
        }
        let Some(Link::Incoming(link)) = self.links.get_mut(&transfer.handle) else {
            return Err(Error::new("amqp:session:unattached-handle", format!("No link sends on handle {}.", transfer.handle)));
        };
        if transfer.aborted {
            link.partial = None;
            return Ok(());
        }
        let mut partial = match link.partial.take() {
            Some(partial) => partial,
            None => match start(link, transfer) {
                Ok(partial) => partial,
                Err(error) => {
                    self.expel(transfer.handle, error, context);
                    return Ok(());
                }
            },
        };
        partial.settled |= transfer.settled.unwrap_or(false);
        partial.size += payload.len();
        if transfer.more {
            if partial.size <= LIMIT {
                partial.bytes.extend_from_slice(payload);
            }
            link.partial = Some(partial);
            return Ok(());
        }
        let outcome = if partial.size > LIMIT {
            Some((Err(Refusal::TooLarge { size: partial.size, limit: MAX_MESSAGE_SIZE }), Duration::ZERO))
        } else if partial.bytes.is_empty() {
            take_in(link, self.channel, partial.format, payload, context)
        } else {
            partial.bytes.extend_from_slice(payload);
            take_in(link, self.channel, partial.format, &partial.bytes, context)
        };
        let refill = link.credit <= CREDIT / 2;
        if refill {
            link.credit = CREDIT;
        }
        let delivery_count = link.delivery_count;
        if let Some((result, delay)) = outcome.filter(|_| !partial.settled) {
            self.confirm(partial.delivery_id, result, delay, context);
        }
        if refill {
            self.send_link_flow(transfer.handle, delivery_count, CREDIT, false, context);
        }
        Ok(())
    }

    fn confirm(&mut self, id: u32, result: Result<(), Refusal>, delay: Duration, context: &mut Context) {
        match (&mut self.accepted, result) {
            (Some((_, last)), Ok(())) if delay.is_zero() && last.wrapping_add(1) == id => *last = id,
            (_, Ok(())) if delay.is_zero() => {
                self.send_accepted(context);
                self.accepted = Some((id, id));
            }
            (_, result) => {
                self.send_accepted(context);
                let state = result.map_or_else(|refusal| DeliveryState::Rejected(Some(refusal.error())), |()| DeliveryState::Accepted);
                let answer = Disposition { role: Role::Receiver, first: id, last: None, settled: true, state: Some(state) };
                context.send_late(self.channel, &Performative::Disposition(answer), delay);
            }
        }
    }

    /// Confirms what has been taken in since the last time.
    pub(super) fn send_accepted(&mut self, context: &mut Context) {
        if let Some((first, last)) = self.accepted.take() {
            let last = (first != last).then_some(last);
            let answer = Disposition { role: Role::Receiver, first, last, settled: true, state: Some(DeliveryState::Accepted) };
            context.send_late(self.channel, &Performative::Disposition(answer), Duration::ZERO);
        }
    }
}

fn start(link: &mut Incoming, transfer: &Transfer<'_>) -> Result<Partial, Error> {
    if link.credit == 0 {
        return Err(Error::new("amqp:link:transfer-limit-exceeded", "A message was sent without credit."));
    }
    let delivery_id = transfer.delivery_id;
    let delivery_id = delivery_id.ok_or_else(|| Error::new("amqp:invalid-field", "A delivery's first transfer has no delivery-id."))?;
    link.credit -= 1;
    link.delivery_count = link.delivery_count.wrapping_add(1);
    let format = transfer.message_format.unwrap_or(0);
    Ok(Partial { delivery_id, format, settled: false, bytes: Vec::new(), size: 0 })
}

/// The result and how much later it goes out; none if nobody is to hear of it.
fn take_in(link: &Incoming, channel: u16, format: u32, bytes: &[u8], context: &mut Context) -> Option<(Result<(), Refusal>, Duration)> {
    match &link.sink {
        Sink::Entity(node) => send(node, &link.key, format, bytes, context),
        Sink::Cbs => Some((
            request(bytes, |request| cbs::answer(&context.server, request)).map(|(to, message)| {
                context.replies.push(Reply { channel, node: "$cbs".into(), to, message });
            }),
            Duration::ZERO,
        )),
        Sink::Management { node, address } => {
            let broker = context.server.broker.clone();
            Some((
                request(bytes, |request| management::answer(&broker, node, address, request)).map(|(to, message)| {
                    let node = format!("{}/$management", address.key());
                    context.replies.push(Reply { channel, node, to, message });
                }),
                Duration::ZERO,
            ))
        }
    }
}

fn send(node: &Node, key: &str, format: u32, bytes: &[u8], context: &Context) -> Option<(Result<(), Refusal>, Duration)> {
    let faults = &context.server.faults;
    let delay = faults.disposition_delay(key);
    if faults.is_busy_for_send(key) {
        return Some((Err(Refusal::Busy), delay));
    }
    let loss = faults.loses_send(key);
    if loss == Some(Loss::Request) {
        return None;
    }
    let result = messages(format, bytes)
        .and_then(|messages| messages.into_iter().try_for_each(|message| context.server.broker.publish(node, message)));
    loss.is_none().then_some((result, delay))
}

/// The message, or the messages of a batch.
fn messages(format: u32, bytes: &[u8]) -> Result<Vec<Message>, Refusal> {
    let malformed = |error: crate::amqp::DecodeError| Refusal::Argument(format!("The message can't be read: {error}."));
    let message = Message::decode(bytes).map_err(malformed)?;
    if format != BATCH_FORMAT {
        return Ok(vec![message]);
    }
    let parts = message.data().map_err(malformed)?;
    parts.into_iter().map(|part| Message::decode(part).map_err(malformed)).collect()
}

/// A request's answer with the request's message id, in the same type, as correlation id; and where it goes.
fn request(bytes: &[u8], answer: impl FnOnce(&Message) -> Message) -> Result<(Option<String>, Message), Refusal> {
    let request = Message::decode(bytes).map_err(|error| Refusal::Argument(format!("The request can't be read: {error}.")))?;
    let mut message = answer(&request);
    let asked = request.properties();
    let mut properties = message.properties().clone();
    properties.correlation_id = asked.message_id.clone().or_else(|| asked.correlation_id.clone());
    message.set_properties(properties);
    Ok((asked.reply_to.clone(), message))
}
