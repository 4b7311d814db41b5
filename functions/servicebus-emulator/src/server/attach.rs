//! Links being made.

use super::{
    MAX_MESSAGE_SIZE,
    link::{CREDIT, Incoming, Link, Origin, Outgoing, Sink, Waiting},
    output::Context,
    session::{HANDLE_MAX, Session},
};
use crate::{
    amqp::{Attach, Detach, Error, Performative, Role, Value, lookup},
    broker::{Address, Held, Mode, Node, Part, Queue, Refusal, Waiter},
};
use std::{collections::VecDeque, sync::Arc, time::Duration};
use tokio::time::Instant;

const SESSION_FILTER: &str = "com.microsoft:session-filter";
const SESSION_FILTER_CODE: u64 = 0x0000_0013_7000_000c;
/// How long a receiver waits for any session, where it doesn't say.
const SESSION_WAIT: Duration = Duration::from_mins(1);
/// .NET ticks (100 ns) between the year 1 and the Unix epoch.
const EPOCH_TICKS: i64 = 621_355_968_000_000_000;

impl Session {
    pub(super) fn on_attach(&mut self, attach: &Attach, context: &mut Context) -> Result<(), Error> {
        if attach.handle > HANDLE_MAX {
            return Err(Error::new("amqp:not-allowed", format!("The handle {} is above the handle-max {HANDLE_MAX}.", attach.handle)));
        }
        if self.links.contains_key(&attach.handle) {
            return Err(Error::new("amqp:session:handle-in-use", format!("Handle {} is in use.", attach.handle)));
        }
        self.detaching.remove(&attach.handle);
        let result = match attach.role {
            Role::Sender => self.attach_incoming(attach, context),
            Role::Receiver => self.attach_outgoing(attach, context),
        };
        if let Err(refusal) = result {
            self.refuse(attach, refusal.error(), context);
        }
        Ok(())
    }

    /// A refused link is attached with neither source nor target, and then detached with the reason (2.6.3).
    fn refuse(&mut self, attach: &Attach, error: Error, context: &mut Context) {
        let answer = Attach { source: None, target: None, ..answer(attach) };
        context.send(self.channel, &Performative::Attach(answer.into()));
        self.detaching.insert(attach.handle);
        let detach = Detach { handle: attach.handle, closed: true, error: Some(error) };
        context.send(self.channel, &Performative::Detach(detach));
    }

    fn attach_incoming(&mut self, attach: &Attach, context: &mut Context) -> Result<(), Refusal> {
        let target = attach.target.as_ref();
        if target.is_some_and(crate::amqp::Terminus::is_coordinator) {
            return Err(Refusal::NotImplemented("Transactions are not supported.".into()));
        }
        let address = target.and_then(|target| target.address());
        let address = Address::parse(address.ok_or_else(|| Refusal::Argument("The link has no target address.".into()))?);
        let sink = if address.is_cbs() {
            Sink::Cbs
        } else {
            busy(&address, context)?;
            let node = context.server.broker.find(&address)?;
            if address.management {
                Sink::Management { node, address: address.clone() }
            } else if address.part != Part::Main || address.path.contains("/subscriptions/") {
                return Err(Refusal::NotAllowed(format!("Messages can't be sent to '{}', only to a queue or a topic.", address.key())));
            } else {
                Sink::Entity(node)
            }
        };
        let key = if address.management { format!("{}/$management", address.key()) } else { address.key() };
        let answer = Attach {
            max_message_size: Some(MAX_MESSAGE_SIZE),
            properties: vec![(Value::symbol("com.microsoft:max-message-batch-size"), Value::Ulong(MAX_MESSAGE_SIZE))],
            ..answer(attach)
        };
        context.send(self.channel, &Performative::Attach(answer.into()));
        let link = Incoming { sink, key, delivery_count: attach.initial_delivery_count.unwrap_or(0), credit: CREDIT, partial: None };
        let delivery_count = link.delivery_count;
        self.links.insert(attach.handle, Link::Incoming(link));
        self.send_link_flow(attach.handle, delivery_count, CREDIT, false, context);
        Ok(())
    }

    fn attach_outgoing(&mut self, attach: &Attach, context: &mut Context) -> Result<(), Refusal> {
        let address = attach.source.as_ref().and_then(|source| source.address());
        let address = Address::parse(address.ok_or_else(|| Refusal::Argument("The link has no source address.".into()))?);
        if address.is_cbs() || address.management {
            let key = if address.is_cbs() { address.key() } else { format!("{}/$management", address.key()) };
            if address.management {
                busy(&address, context)?;
                context.server.broker.find(&address)?;
            }
            let receiver = context.enlist((self.channel, attach.handle));
            self.open_outgoing(attach, Origin::Replies(VecDeque::new()), key, receiver, context);
            return Ok(());
        }
        busy(&address, context)?;
        let Node::Queue(queue) = context.server.broker.find(&address)? else {
            return Err(Refusal::NotAllowed(format!(
                "Messages can't be received from the topic '{}', only from its subscriptions.",
                address.path
            )));
        };
        if address.part == Part::Main && queue.properties().forward_to.is_some() {
            return Err(Refusal::NotAllowed(format!("Messages can't be received from '{}', which forwards them.", queue.path)));
        }
        let has_sessions = queue.properties().requires_session && address.part == Part::Main;
        let filter = attach.source.as_ref().and_then(|source| source.filter(SESSION_FILTER));
        match (has_sessions, filter) {
            (false, None) => {
                let receiver = context.enlist((self.channel, attach.handle));
                let origin = Origin::Entity { queue, mode: mode(attach), held: None };
                self.open_outgoing(attach, origin, address.key(), receiver, context);
                Ok(())
            }
            (true, Some(_)) => self.attach_session(attach.clone(), queue, address.key(), context),
            (true, None) => Err(Refusal::NotAllowed(format!(
                "It is not possible for an entity that requires sessions to create a non-sessionful message receiver ('{}').",
                queue.path
            ))),
            (false, Some(_)) => Err(Refusal::NotAllowed(format!(
                "A sessionful message receiver cannot be created on an entity that does not require sessions ('{}').",
                queue.path
            ))),
        }
    }

    fn attach_session(&mut self, attach: Attach, queue: Arc<Queue>, key: String, context: &mut Context) -> Result<(), Refusal> {
        let receiver = context.enlist((self.channel, attach.handle));
        let wanted = wanted(&attach);
        match queue.accept_session(&context.server.broker, wanted.as_deref(), &receiver) {
            Ok(Some(held)) => self.open_session_link(&attach, queue, key, receiver, held, context),
            Ok(None) => {
                let millis = lookup(&attach.properties, "com.microsoft:timeout").and_then(Value::as_i64);
                let wait = millis.and_then(|millis| u64::try_from(millis).ok()).map_or(SESSION_WAIT, Duration::from_millis);
                let until = Instant::now() + wait.min(SESSION_WAIT * 10);
                context.deadlines.insert((until, receiver.link));
                let handle = attach.handle;
                self.links.insert(handle, Link::Waiting(Box::new(Waiting { attach, queue, key, receiver, until })));
            }
            Err(refusal) => {
                context.places.remove(&receiver.link);
                return Err(refusal);
            }
        }
        Ok(())
    }

    /// A waiting receiver is woken, or has waited long enough.
    pub(super) fn retry_session(&mut self, handle: u32, now: Instant, context: &mut Context) {
        let Some(Link::Waiting(waiting)) = self.links.get(&handle) else { return };
        let accepted = waiting.queue.accept_session(&context.server.broker, None, &waiting.receiver);
        if matches!(accepted, Ok(None)) && waiting.until > now {
            return;
        }
        let Some(Link::Waiting(waiting)) = self.links.remove(&handle) else { return };
        context.deadlines.remove(&(waiting.until, waiting.receiver.link));
        let Waiting { attach, queue, key, receiver, .. } = *waiting;
        let refusal = match accepted {
            Ok(Some(held)) => return self.open_session_link(&attach, queue, key, receiver, held, context),
            Ok(None) => Refusal::Timeout,
            Err(refusal) => refusal,
        };
        context.places.remove(&receiver.link);
        queue.leave(&context.server.broker, &receiver, None);
        self.refuse(&attach, refusal.error(), context);
    }

    fn open_session_link(&mut self, attach: &Attach, queue: Arc<Queue>, key: String, receiver: Waiter, held: Held, context: &mut Context) {
        let mut attach = attach.clone();
        if let Some(source) = &mut attach.source {
            source.set_filter(SESSION_FILTER, SESSION_FILTER_CODE, Value::string(&*held.session));
        }
        let ticks = held.until.saturating_mul(10_000).saturating_add(EPOCH_TICKS);
        attach.properties = vec![(Value::symbol("com.microsoft:locked-until-utc"), Value::Long(ticks))];
        let origin = Origin::Entity { queue, mode: mode(&attach), held: Some(held) };
        self.open_outgoing(&attach, origin, key, receiver, context);
    }

    fn open_outgoing(&mut self, attach: &Attach, origin: Origin, key: String, receiver: Waiter, context: &mut Context) {
        let properties = attach.properties.iter().filter(|(name, _)| name.as_text() == Some("com.microsoft:locked-until-utc"));
        let answer = Attach {
            properties: properties.cloned().collect(),
            initial_delivery_count: Some(0),
            max_message_size: context.server.faults.outgoing_limit(),
            ..answer(attach)
        };
        context.send(self.channel, &Performative::Attach(answer.into()));
        let link = Outgoing {
            name: attach.name.clone(),
            // Answers need no settlement, unless the client insists.
            settled: attach.snd_settle_mode != Some(0),
            reply_address: attach.target.as_ref().and_then(|target| target.address()).map(Into::into),
            origin,
            key,
            receiver,
            delivery_count: 0,
            credit: 0,
            drain: false,
        };
        self.links.insert(attach.handle, Link::Outgoing(link));
    }
}

/// What both kinds of answers have in common: all that the peer said, from the other end.
fn answer(attach: &Attach) -> Attach {
    Attach {
        name: attach.name.clone(),
        handle: attach.handle,
        role: if attach.role == Role::Sender { Role::Receiver } else { Role::Sender },
        snd_settle_mode: attach.snd_settle_mode,
        rcv_settle_mode: attach.rcv_settle_mode,
        source: attach.source.clone(),
        target: attach.target.clone(),
        initial_delivery_count: (attach.role == Role::Receiver).then_some(0),
        // What is delivered has annotations that what was sent had not, and an answer to a peek holds many messages: the
        // limit is one of what is sent to here.
        max_message_size: None,
        properties: Vec::new(),
    }
}

/// Only the sender's mode decides: 1 is settled, so receive-and-delete. Some clients' defaults are mixed.
fn mode(attach: &Attach) -> Mode {
    if attach.snd_settle_mode == Some(1) { Mode::ReceiveAndDelete } else { Mode::PeekLock }
}

/// The session that the filter names; none means any.
fn wanted(attach: &Attach) -> Option<String> {
    attach.source.as_ref()?.filter(SESSION_FILTER)?.as_text().map(Into::into)
}

fn busy(address: &Address, context: &Context) -> Result<(), Refusal> {
    if context.server.faults.is_busy_for_attach(&address.key()) { Err(Refusal::Busy) } else { Ok(()) }
}
