//! An AMQP client just large enough to ask for what the tests are about. Every wait has a deadline.

use servicebus_emulator::amqp::{
    Attach, Begin, DeliveryState, Detach, Disposition, Error, Flow, Message, Open, Performative, Properties, Role, Sasl, Terminus,
    Transfer, Value,
    frame::{self, AMQP_HEADER, Kind, SASL_HEADER},
    lookup,
};
use std::{collections::VecDeque, net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    time,
};
use uuid::Uuid;

const DEADLINE: Duration = Duration::from_secs(10);
/// How long the absence of something is watched.
const QUIET: Duration = Duration::from_millis(150);

/// A frame that arrived, with nothing borrowed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Arrived {
    Attach(Attach),
    Detach(Detach),
    Flow(Flow),
    Transfer { handle: u32, delivery: Delivery, more: bool, has_id: bool },
    Disposition(Disposition),
    End(Option<Error>),
    Close(Option<Error>),
    Open(Open),
    Begin(Begin),
    Heartbeat,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Delivery {
    pub(crate) id: u32,
    pub(crate) tag: Vec<u8>,
    pub(crate) settled: bool,
    pub(crate) bytes: Vec<u8>,
}

impl Delivery {
    pub(crate) fn message(&self) -> Message {
        Message::decode(&self.bytes).unwrap()
    }

    pub(crate) fn token(&self) -> Uuid {
        Uuid::from_bytes_le(self.tag.clone().try_into().unwrap())
    }

    pub(crate) fn text(&self) -> String {
        body(&self.message())
    }

    pub(crate) fn annotation(&self, name: &str) -> Option<Value> {
        lookup(&self.message().annotations, name).cloned()
    }

    pub(crate) fn sequence(&self) -> i64 {
        self.annotation("x-opt-sequence-number").unwrap().as_i64().unwrap()
    }

    pub(crate) fn property(&self, name: &str) -> Option<String> {
        lookup(&self.message().application_properties().unwrap(), name).and_then(Value::as_text).map(Into::into)
    }
}

pub(crate) fn body(message: &Message) -> String {
    String::from_utf8(message.data().unwrap().concat()).unwrap()
}

pub(crate) fn message(text: &str) -> Message {
    Message::of_data(Properties { message_id: Some(text.into()), ..Properties::default() }, &[], text.as_bytes())
}

/// Bytes both ways.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Stream for T {}

pub(crate) struct Client {
    stream: Box<dyn Stream>,
    input: Vec<u8>,
    /// Arrived and not asked for yet.
    waiting: VecDeque<Arrived>,
    next_handle: u32,
    next_delivery: u32,
    window: (u32, u32),
}

impl Client {
    /// Connected, with a session on channel 0.
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self::connect_with(address, Open { container_id: "test".into(), ..Open::default() }, 1_000_000).await
    }

    pub(crate) async fn connect_with(address: SocketAddr, open: Open, window: u32) -> Self {
        Self::greet(address).await.begin(open, window).await
    }

    async fn begin(self, open: Open, window: u32) -> Self {
        let mut client = self;
        client.send(&Performative::Open(open), &[]).await;
        let begin = Begin { remote_channel: None, next_outgoing_id: 0, incoming_window: window, outgoing_window: 5000, handle_max: None };
        client.send(&Performative::Begin(begin), &[]).await;
        assert!(matches!(client.next().await, Arrived::Open(_)));
        assert!(matches!(client.next().await, Arrived::Begin(_)));
        client.window = (0, window);
        client
    }

    /// Up to the AMQP header, without open.
    pub(crate) async fn greet(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self::greet_over(Box::new(stream)).await
    }

    /// Connected over any stream, with a session on channel 0.
    pub(crate) async fn connect_over(stream: Box<dyn Stream>) -> Self {
        let client = Self::greet_over(stream).await;
        client.begin(Open { container_id: "test".into(), ..Open::default() }, 1_000_000).await
    }

    async fn greet_over(mut stream: Box<dyn Stream>) -> Self {
        stream.write_all(&SASL_HEADER).await.unwrap();
        let mut out = Vec::new();
        frame::write(&mut out, Kind::Sasl, 0, |out| Sasl::Init { mechanism: "ANONYMOUS".into() }.encode(out));
        stream.write_all(&out).await.unwrap();
        let mut header = [0; 8];
        stream.read_exact(&mut header).await.unwrap();
        assert_eq!(header, SASL_HEADER);
        let mut client = Self { stream, input: Vec::new(), waiting: VecDeque::new(), next_handle: 0, next_delivery: 0, window: (0, 0) };
        let Sasl::Mechanisms(offered) = client.sasl().await else { panic!("mechanisms come first") };
        assert!(offered.contains(&"ANONYMOUS".to_owned()), "{offered:?}");
        assert_eq!(client.sasl().await, Sasl::Outcome { code: 0 });
        client.raw(&AMQP_HEADER).await;
        while client.input.len() < 8 {
            client.fill().await;
        }
        assert_eq!(client.input.drain(..8).collect::<Vec<_>>(), AMQP_HEADER);
        client
    }

    async fn sasl(&mut self) -> Sasl {
        loop {
            if let Some((frame, size)) = frame::split(&self.input, 1 << 16).unwrap() {
                let sasl = Sasl::decode(frame.body).unwrap();
                self.input.drain(..size);
                return sasl;
            }
            self.fill().await;
        }
    }

    async fn fill(&mut self) {
        let read = time::timeout(DEADLINE, self.stream.read_buf(&mut self.input)).await.expect("an answer in time").unwrap();
        assert!(read > 0, "the emulator has closed the connection; still unread: {:?}", self.waiting);
    }

    pub(crate) async fn raw(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    pub(crate) async fn send(&mut self, performative: &Performative<'_>, payload: &[u8]) {
        let mut out = Vec::new();
        frame::write(&mut out, Kind::Amqp, 0, |out| {
            performative.encode(out);
            out.extend_from_slice(payload);
        });
        self.raw(&out).await;
    }

    /// Whether the emulator ends the connection, whatever else it says before.
    pub(crate) async fn is_closed(&mut self) -> bool {
        loop {
            match time::timeout(DEADLINE, self.stream.read_buf(&mut self.input)).await.expect("an end in time") {
                Ok(0) | Err(_) => return true,
                Ok(_) => {}
            }
        }
    }

    pub(crate) async fn next(&mut self) -> Arrived {
        if let Some(arrived) = self.waiting.pop_front() {
            return arrived;
        }
        self.read().await
    }

    async fn read(&mut self) -> Arrived {
        loop {
            let split = frame::split(&self.input, 1 << 20).unwrap().map(|(frame, size)| (arrived(frame.body), size));
            if let Some((arrived, size)) = split {
                self.input.drain(..size);
                if let Arrived::Transfer { .. } = arrived {
                    self.window.0 += 1;
                }
                return arrived;
            }
            self.fill().await;
        }
    }

    /// The first frame that `pick` takes. Others stay for later.
    pub(crate) async fn until<T>(&mut self, mut pick: impl FnMut(&Arrived) -> Option<T>) -> T {
        for index in 0..self.waiting.len() {
            if let Some(picked) = pick(&self.waiting[index]) {
                self.waiting.remove(index);
                return picked;
            }
        }
        loop {
            let arrived = self.read().await;
            match pick(&arrived) {
                Some(picked) => return picked,
                None => self.waiting.push_back(arrived),
            }
        }
    }

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

fn arrived(body: &[u8]) -> Arrived {
    if body.is_empty() {
        return Arrived::Heartbeat;
    }
    let (performative, payload) = Performative::decode(body).unwrap();
    match performative {
        Performative::Open(open) => Arrived::Open(open),
        Performative::Begin(begin) => Arrived::Begin(begin),
        Performative::Attach(attach) => Arrived::Attach(*attach),
        Performative::Detach(detach) => Arrived::Detach(detach),
        Performative::Flow(flow) => Arrived::Flow(flow),
        Performative::Disposition(disposition) => Arrived::Disposition(disposition),
        Performative::End(end) => Arrived::End(end.error),
        Performative::Close(close) => Arrived::Close(close.error),
        Performative::Transfer(transfer) => {
            let id = transfer.delivery_id;
            let tag = transfer.delivery_tag.unwrap_or_default().to_vec();
            let settled = transfer.settled.unwrap_or(false);
            let delivery = Delivery { id: id.unwrap_or_default(), tag, settled, bytes: payload.to_vec() };
            Arrived::Transfer { handle: transfer.handle, delivery, more: transfer.more, has_id: id.is_some() }
        }
    }
}
