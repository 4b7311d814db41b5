//! Links: attached, fed with credit, sent over, settled, asked and detached.

use super::{Arrived, Client, Delivery, QUIET};
use servicebus_emulator::amqp::{
    Attach, DeliveryState, Detach, Disposition, Error, Flow, Message, Performative, Properties, Role, Terminus, Transfer, Value, lookup,
};
use tokio::time;

impl Client {
    /// The answer to an attach: the handle, and the peer's attach; or the error of the detach that follows.
    pub(crate) async fn attach(
        &mut self,
        role: Role,
        source: Option<Terminus>,
        target: Option<Terminus>,
        change: impl FnOnce(&mut Attach),
    ) -> Result<(u32, Attach), Error> {
        let handle = self.start_attach(role, source, target, change).await;
        self.attached(handle).await.map(|attach| (handle, attach))
    }

    pub(crate) async fn start_attach(
        &mut self,
        role: Role,
        source: Option<Terminus>,
        target: Option<Terminus>,
        change: impl FnOnce(&mut Attach),
    ) -> u32 {
        let handle = self.next_handle;
        self.next_handle += 1;
        let mut attach = Attach {
            name: format!("link-{handle}"),
            handle,
            role,
            snd_settle_mode: None,
            rcv_settle_mode: Some(1),
            source,
            target,
            initial_delivery_count: (role == Role::Sender).then_some(0),
            max_message_size: None,
            properties: Vec::new(),
        };
        change(&mut attach);
        self.send(&Performative::Attach(attach.into()), &[]).await;
        handle
    }

    pub(crate) async fn attached(&mut self, handle: u32) -> Result<Attach, Error> {
        let attach = self.until(|arrived| match arrived {
            Arrived::Attach(attach) if attach.handle == handle => Some(attach.clone()),
            _ => None,
        });
        let attach = attach.await;
        if attach.source.is_none() && attach.target.is_none() {
            return Err(self.detached(handle).await.expect("a reason"));
        }
        Ok(attach)
    }

    /// The error with which the emulator detaches a link.
    pub(crate) async fn detached(&mut self, handle: u32) -> Option<Error> {
        self.until(|arrived| match arrived {
            Arrived::Detach(detach) if detach.handle == handle => Some(detach.error.clone()),
            _ => None,
        })
        .await
    }

    pub(crate) async fn sender(&mut self, address: &str) -> u32 {
        let (handle, _) = self.attach(Role::Sender, Some(Terminus::source("here")), Some(Terminus::target(address)), |_| {}).await.unwrap();
        let flow = |arrived: &Arrived| matches!(arrived, Arrived::Flow(flow) if flow.handle == Some(handle)).then_some(());
        self.until(flow).await;
        handle
    }

    /// A peek-lock receiver without credit.
    pub(crate) async fn receiver(&mut self, address: &str) -> u32 {
        self.attach(Role::Receiver, Some(Terminus::source(address)), Some(Terminus::target("here")), |_| {}).await.unwrap().0
    }

    /// What the emulator says to a message.
    pub(crate) async fn publish(&mut self, handle: u32, message: &Message) -> DeliveryState {
        let id = self.start_publish(handle, message, None).await;
        self.outcome(Role::Receiver, id).await
    }

    pub(crate) async fn start_publish(&mut self, handle: u32, message: &Message, format: Option<u32>) -> u32 {
        let mut bytes = Vec::new();
        message.encode(&mut bytes);
        self.start_transfer(handle, &bytes, format).await
    }

    /// Sends a message's bytes, in frames of at most 60,000.
    pub(crate) async fn start_transfer(&mut self, handle: u32, bytes: &[u8], format: Option<u32>) -> u32 {
        let id = self.next_delivery;
        self.next_delivery += 1;
        let tag = id.to_be_bytes();
        let chunks: Vec<_> = bytes.chunks(60_000).collect();
        for (index, chunk) in chunks.iter().enumerate() {
            let more = index + 1 < chunks.len();
            let first = index == 0;
            let transfer = Transfer {
                handle,
                delivery_id: first.then_some(id),
                delivery_tag: first.then_some(&tag),
                message_format: first.then_some(format.unwrap_or(0)),
                more,
                ..Transfer::default()
            };
            self.send(&Performative::Transfer(transfer), chunk).await;
        }
        id
    }

    /// The emulator's settled disposition of a delivery.
    pub(crate) async fn outcome(&mut self, role: Role, id: u32) -> DeliveryState {
        self.until(|arrived| match arrived {
            Arrived::Disposition(disposition)
                if disposition.role == role && (disposition.first..=disposition.last.unwrap_or(disposition.first)).contains(&id) =>
            {
                assert!(disposition.settled, "{disposition:?}");
                disposition.state.clone()
            }
            _ => None,
        })
        .await
    }

    pub(crate) async fn credit(&mut self, handle: u32, delivery_count: u32, link_credit: u32, drain: bool) {
        let flow = Flow {
            next_incoming_id: Some(self.window.0),
            incoming_window: self.window.1,
            next_outgoing_id: self.next_delivery,
            outgoing_window: 5000,
            handle: Some(handle),
            delivery_count: Some(delivery_count),
            link_credit: Some(link_credit),
            drain,
            ..Flow::default()
        };
        self.send(&Performative::Flow(flow), &[]).await;
    }

    /// The next message on a link, whole.
    pub(crate) async fn delivery(&mut self, link: u32) -> Delivery {
        let mut whole: Option<Delivery> = None;
        loop {
            let frame = |arrived: &Arrived| match arrived {
                Arrived::Transfer { handle, delivery, more, .. } if *handle == link => Some((delivery.clone(), *more)),
                _ => None,
            };
            let (part, more) = self.until(frame).await;
            match &mut whole {
                Some(whole) => whole.bytes.extend(part.bytes),
                None => whole = Some(part),
            }
            if !more {
                return whole.unwrap();
            }
        }
    }

    /// One message from an address, on a link of its own that stays.
    pub(crate) async fn receive(&mut self, address: &str) -> Delivery {
        let link = self.receiver(address).await;
        self.credit(link, 0, 1, false).await;
        self.delivery(link).await
    }

    pub(crate) async fn detach(&mut self, handle: u32) {
        self.send(&Performative::Detach(Detach { handle, closed: true, error: None }), &[]).await;
        self.detached(handle).await;
    }

    /// Asks for what there is, by a drain; nothing, if there is nothing.
    pub(crate) async fn drain(&mut self, handle: u32, delivery_count: u32, credit: u32) -> Vec<Delivery> {
        self.credit(handle, delivery_count, credit, true).await;
        let mut deliveries = Vec::new();
        loop {
            let next = |arrived: &Arrived| match arrived {
                Arrived::Transfer { handle: link, delivery, .. } if *link == handle => Some(Some(delivery.clone())),
                Arrived::Flow(flow) if flow.handle == Some(handle) && flow.drain => {
                    assert_eq!((flow.link_credit, flow.delivery_count), (Some(0), Some(delivery_count + credit)));
                    Some(None)
                }
                _ => None,
            };
            match self.until(next).await {
                Some(delivery) => deliveries.push(delivery),
                None => return deliveries,
            }
        }
    }

    /// Whether an address has nothing to give.
    pub(crate) async fn is_empty(&mut self, address: &str) -> bool {
        let link = self.receiver(address).await;
        let found = self.drain(link, 0, 10).await;
        self.detach(link).await;
        found.is_empty()
    }

    pub(crate) async fn settle(&mut self, delivery: &Delivery, state: DeliveryState) -> DeliveryState {
        self.dispose(delivery.id, delivery.id, false, state).await;
        self.outcome(Role::Sender, delivery.id).await
    }

    pub(crate) async fn dispose(&mut self, first: u32, last: u32, settled: bool, state: DeliveryState) {
        let disposition = Disposition { role: Role::Receiver, first, last: Some(last), settled, state: Some(state) };
        self.send(&Performative::Disposition(disposition), &[]).await;
    }

    /// Asserts that nothing but what was asked for arrives for a while.
    pub(crate) async fn assert_quiet(&mut self) {
        assert!(self.waiting.is_empty(), "{:?}", self.waiting);
        let Ok(arrived) = time::timeout(QUIET, self.read()).await else { return };
        panic!("{arrived:?} arrived");
    }

    /// A `$management` or `$cbs` request: the answer's status, condition and body.
    pub(crate) async fn request(&mut self, node: &str, operation: &str, body: Value) -> Answer {
        let (reply, _) =
            self.attach(Role::Receiver, Some(Terminus::source(node)), Some(Terminus::target("replies")), |_| {}).await.unwrap();
        self.credit(reply, 0, 1, false).await;
        let link = self.sender(node).await;
        let properties = Properties { message_id: Some(Value::Ulong(7)), reply_to: Some("replies".into()), ..Properties::default() };
        let request = Message::of_value(properties, &[("operation".into(), operation.into())], &body);
        assert_eq!(self.publish(link, &request).await, DeliveryState::Accepted);
        let answer = self.delivery(reply).await.message();
        assert_eq!(answer.properties().correlation_id, Some(Value::Ulong(7)));
        self.detach(link).await;
        self.detach(reply).await;
        let application = answer.application_properties().unwrap();
        let status = ["statusCode", "status-code"].iter().find_map(|name| lookup(&application, name)).unwrap();
        let Value::Int(status) = *status else { panic!("{status:?} is not an int") };
        let condition = lookup(&application, "errorCondition").and_then(Value::as_text).map(Into::into);
        Answer { status, condition, body: answer.value().unwrap() }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: i32,
    pub(crate) condition: Option<String>,
    pub(crate) body: Value,
}
