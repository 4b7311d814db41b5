//! Messages on their way out: taken from queues as long as credit, window and output allow.

use super::{
    link::{Link, Origin},
    output::Context,
    session::{Session, Unsettled},
};
use crate::{
    amqp::{
        Performative, Transfer,
        frame::{self, HEADER_SIZE, Kind},
    },
    broker::{Delivery, Mode},
};

/// Messages taken from a queue at once, so that receivers of one queue share it.
const TAKE: u32 = 256;
/// More than a transfer's fields ever need.
const TRANSFER_SIZE: usize = 96;

impl Session {
    /// Sends what one link may send.
    pub(super) fn pump(&mut self, handle: u32, context: &mut Context) {
        loop {
            let window = if self.backlog.is_empty() { self.remote_window } else { 0 };
            let Some(Link::Outgoing(link)) = self.links.get_mut(&handle) else { return };
            let (queue, mode, held) = match &mut link.origin {
                Origin::Entity { queue, mode, held } => (queue.clone(), *mode, held.clone()),
                Origin::Replies(replies) => {
                    if link.credit == 0 || window == 0 {
                        return;
                    }
                    match replies.pop_front() {
                        Some(reply) => self.send_reply(handle, &reply, context),
                        None => return self.finish_drain(handle, context),
                    }
                    continue;
                }
            };
            let count = link.credit.min(window).min(TAKE);
            if count == 0 {
                if link.credit == 0 {
                    self.finish_drain(handle, context);
                }
                if let Err(refusal) = queue.pass(&context.server.broker, held.as_ref()) {
                    self.expel(handle, refusal.error(), context);
                }
                return;
            }
            if context.is_full() {
                context.ready.insert((self.channel, handle));
                return;
            }
            let taken = match queue.take(&context.server.broker, count as usize, mode, held.as_ref(), &link.receiver) {
                Ok(taken) => taken,
                Err(refusal) => return self.expel(handle, refusal.error(), context),
            };
            for delivery in &taken.deliveries {
                let lock = delivery.token.map(|token| (queue.clone(), token));
                self.send_delivery(handle, delivery, mode, lock, context);
            }
            if !taken.more {
                return self.finish_drain(handle, context);
            }
        }
    }

    /// Uses the credit up that a drain asked to be used up, and says so.
    fn finish_drain(&mut self, handle: u32, context: &mut Context) {
        let Some(Link::Outgoing(link)) = self.links.get_mut(&handle) else { return };
        if link.drain {
            link.drain = false;
            link.delivery_count = link.delivery_count.wrapping_add(link.credit);
            link.credit = 0;
            let delivery_count = link.delivery_count;
            self.send_link_flow(handle, delivery_count, 0, true, context);
        }
    }

    fn send_delivery(
        &mut self,
        handle: u32,
        delivery: &Delivery,
        mode: Mode,
        lock: Option<(std::sync::Arc<crate::broker::Queue>, uuid::Uuid)>,
        context: &mut Context,
    ) {
        let mut prefix = context.scratch();
        delivery.encode_prefix(&mut prefix);
        // The lock token as a .NET GUID; what is not locked needs a tag of that length all the same.
        let tag = delivery.token.map_or_else(|| sequence_tag(delivery.sequence), |token| token.to_bytes_le());
        let settled = mode == Mode::ReceiveAndDelete;
        let id = self.send_message(handle, &tag, settled, &prefix, delivery.message.bare(), context);
        context.put_back(prefix);
        if !settled {
            self.unsettled.insert(id, Unsettled { handle, lock });
        }
    }

    fn send_reply(&mut self, handle: u32, message: &[u8], context: &mut Context) {
        let Some(Link::Outgoing(link)) = self.links.get(&handle) else { return };
        let settled = link.settled;
        let tag = sequence_tag(link.delivery_count.into());
        let id = self.send_message(handle, &tag, settled, message, &[], context);
        if !settled {
            self.unsettled.insert(id, Unsettled { handle, lock: None });
        }
    }

    /// The message is `prefix` and `bare`, in as many frames as the peer's frame size makes of it.
    fn send_message(&mut self, handle: u32, tag: &[u8], settled: bool, prefix: &[u8], bare: &[u8], context: &mut Context) -> u32 {
        if let Some(Link::Outgoing(link)) = self.links.get_mut(&handle) {
            link.credit = link.credit.saturating_sub(1);
            link.delivery_count = link.delivery_count.wrapping_add(1);
        }
        let id = self.next_delivery_id;
        self.next_delivery_id = id.wrapping_add(1);
        let first = Transfer {
            handle,
            delivery_id: Some(id),
            delivery_tag: Some(tag),
            message_format: Some(0),
            settled: Some(settled),
            ..Transfer::default()
        };
        let room = context.max_frame_size - HEADER_SIZE - TRANSFER_SIZE;
        if prefix.len() + bare.len() <= room {
            self.send_frame(&first, &[prefix, bare], context);
            return id;
        }
        let whole = [prefix, bare].concat();
        let last = whole.len().div_ceil(room) - 1;
        for (index, chunk) in whole.chunks(room).enumerate() {
            let more = index < last;
            let transfer = match index {
                0 => Transfer { more, ..first.clone() },
                _ => Transfer { handle, more, ..Transfer::default() },
            };
            self.send_frame(&transfer, &[chunk], context);
        }
        id
    }

    fn send_frame(&mut self, transfer: &Transfer<'_>, payload: &[&[u8]], context: &mut Context) {
        let write = |out: &mut Vec<u8>| {
            Performative::Transfer(transfer.clone()).encode(out);
            for part in payload {
                out.extend_from_slice(part);
            }
        };
        if self.remote_window > 0 && self.backlog.is_empty() {
            frame::write(&mut context.out, Kind::Amqp, self.channel, write);
            self.frame_sent();
        } else {
            let mut bytes = Vec::new();
            frame::write(&mut bytes, Kind::Amqp, self.channel, write);
            self.backlog.push_back(bytes);
        }
    }

    pub(super) fn send_backlog(&mut self, context: &mut Context) {
        while self.remote_window > 0
            && let Some(bytes) = self.backlog.pop_front()
        {
            context.out.extend(bytes);
            self.frame_sent();
        }
    }

    fn frame_sent(&mut self) {
        self.remote_window -= 1;
        self.next_outgoing_id = self.next_outgoing_id.wrapping_add(1);
    }
}

fn sequence_tag(number: i64) -> [u8; 16] {
    i128::from(number).to_be_bytes()
}
