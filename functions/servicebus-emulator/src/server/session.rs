//! A session: windows of both directions (2.5.6), its links, and the deliveries that are not settled.

use super::{
    link::{Link, Origin},
    output::Context,
};
use crate::{
    amqp::{Begin, Detach, Error, Flow, Performative},
    broker::Queue,
};
use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    sync::Arc,
};
use uuid::Uuid;

/// The highest handle, so that a peer's links are bounded.
pub(super) const HANDLE_MAX: u32 = 4095;
/// Transfer frames that the peer may send before it hears of more.
pub(super) const WINDOW: u32 = 5000;

#[derive(Debug)]
pub(super) struct Session {
    pub(super) channel: u16,
    pub(super) next_incoming_id: u32,
    pub(super) incoming_window: u32,
    pub(super) next_outgoing_id: u32,
    /// Frames that the peer still takes.
    pub(super) remote_window: u32,
    pub(super) next_delivery_id: u32,
    pub(super) links: HashMap<u32, Link>,
    /// Handles that this side has detached and the peer has not yet.
    pub(super) detaching: HashSet<u32>,
    pub(super) unsettled: BTreeMap<u32, Unsettled>,
    /// Frames of a message that did not fit into the window.
    pub(super) backlog: VecDeque<Vec<u8>>,
    /// Deliveries taken and not confirmed yet, first and last, so that one frame confirms many.
    pub(super) accepted: Option<(u32, u32)>,
}

/// A delivery that the peer has yet to settle.
#[derive(Debug)]
pub(super) struct Unsettled {
    pub(super) handle: u32,
    /// None for an answer of `$cbs` or `$management`.
    pub(super) lock: Option<(Arc<Queue>, Uuid)>,
}

impl Session {
    /// Answers the peer's begin.
    pub(super) fn begin(channel: u16, begin: &Begin, context: &mut Context) -> Self {
        let answer = Begin {
            remote_channel: Some(channel),
            next_outgoing_id: 0,
            incoming_window: WINDOW,
            outgoing_window: WINDOW,
            handle_max: Some(HANDLE_MAX),
        };
        context.send(channel, &Performative::Begin(answer));
        Self {
            channel,
            next_incoming_id: begin.next_outgoing_id,
            incoming_window: WINDOW,
            next_outgoing_id: 0,
            remote_window: begin.incoming_window,
            next_delivery_id: 0,
            links: HashMap::new(),
            detaching: HashSet::new(),
            unsettled: BTreeMap::new(),
            backlog: VecDeque::new(),
            accepted: None,
        }
    }

    /// The session's part of a flow. Says that the incoming window is whole again.
    pub(super) fn flow(&mut self) -> Flow {
        self.incoming_window = WINDOW;
        Flow {
            next_incoming_id: Some(self.next_incoming_id),
            incoming_window: WINDOW,
            next_outgoing_id: self.next_outgoing_id,
            outgoing_window: WINDOW,
            ..Flow::default()
        }
    }

    pub(super) fn on_flow(&mut self, flow: &Flow, context: &mut Context) {
        let seen = flow.next_incoming_id.unwrap_or(0);
        self.remote_window = seen.wrapping_add(flow.incoming_window).wrapping_sub(self.next_outgoing_id);
        self.send_backlog(context);
        match flow.handle {
            Some(handle) => self.on_link_flow(handle, flow, context),
            None if flow.echo => {
                let answer = self.flow();
                context.send(self.channel, &Performative::Flow(answer));
            }
            None => {}
        }
        for (handle, link) in &self.links {
            if matches!(link, Link::Outgoing(_)) {
                context.ready.insert((self.channel, *handle));
            }
        }
    }

    fn on_link_flow(&mut self, handle: u32, flow: &Flow, context: &mut Context) {
        let answer = match self.links.get_mut(&handle) {
            Some(Link::Outgoing(link)) => {
                let theirs = flow.delivery_count.unwrap_or(0);
                let limit = theirs.wrapping_add(flow.link_credit.unwrap_or(0));
                // Both are serial numbers; a limit that is behind means no credit.
                let credit = limit.wrapping_sub(link.delivery_count);
                link.credit = if credit > u32::MAX / 2 { 0 } else { credit };
                link.drain = flow.drain;
                // A drain without credit has nothing to wait for, but is answered all the same.
                let (delivery_count, credit) = (link.delivery_count, link.credit);
                let drained = flow.drain && credit == 0;
                if drained {
                    link.drain = false;
                }
                (drained || flow.echo).then_some((delivery_count, credit, drained))
            }
            Some(Link::Incoming(link)) => flow.echo.then_some((link.delivery_count, link.credit, false)),
            Some(Link::Waiting(_)) | None => None,
        };
        if let Some((delivery_count, credit, drain)) = answer {
            self.send_link_flow(handle, delivery_count, credit, drain, context);
        }
    }

    pub(super) fn send_link_flow(&mut self, handle: u32, delivery_count: u32, credit: u32, drain: bool, context: &mut Context) {
        let flow = Flow {
            handle: Some(handle),
            delivery_count: Some(delivery_count),
            link_credit: Some(credit),
            available: Some(0),
            drain,
            ..self.flow()
        };
        context.send(self.channel, &Performative::Flow(flow));
    }

    pub(super) fn on_detach(&mut self, detach: &Detach, context: &mut Context) {
        if self.detaching.remove(&detach.handle) {
            return;
        }
        if let Some(link) = self.links.remove(&detach.handle) {
            self.release(detach.handle, link, context);
            let answer = Detach { handle: detach.handle, closed: detach.closed, error: None };
            context.send(self.channel, &Performative::Detach(answer));
        }
    }

    /// Detaches a link from this side.
    pub(super) fn expel(&mut self, handle: u32, error: Error, context: &mut Context) {
        if let Some(link) = self.links.remove(&handle) {
            self.release(handle, link, context);
            self.detaching.insert(handle);
            context.send(self.channel, &Performative::Detach(Detach { handle, closed: true, error: Some(error) }));
        }
    }

    /// Detaches the links of an entity.
    pub(super) fn expel_all(&mut self, key: &str, error: &Error, context: &mut Context) {
        let found: Vec<_> = self.links.iter().filter(|(_, link)| link.key() == key).map(|(handle, _)| *handle).collect();
        for handle in found {
            self.expel(handle, error.clone(), context);
        }
    }

    /// Lets go of what a link holds. Locks of messages stay until they expire, as in the service.
    fn release(&mut self, handle: u32, link: Link, context: &mut Context) {
        self.unsettled.retain(|_, delivery| delivery.handle != handle);
        context.ready.remove(&(self.channel, handle));
        let broker = &context.server.broker;
        match link {
            Link::Incoming(_) => {}
            Link::Outgoing(link) => {
                context.places.remove(&link.receiver.link);
                if let Origin::Entity { queue, held, .. } = &link.origin {
                    queue.leave(broker, &link.receiver, held.as_ref());
                }
            }
            Link::Waiting(waiting) => {
                context.places.remove(&waiting.receiver.link);
                context.deadlines.remove(&(waiting.until, waiting.receiver.link));
                waiting.queue.leave(broker, &waiting.receiver, None);
            }
        }
    }

    /// The session is over.
    pub(super) fn end(&mut self, context: &mut Context) {
        for (handle, link) in std::mem::take(&mut self.links) {
            self.release(handle, link, context);
        }
    }
}
