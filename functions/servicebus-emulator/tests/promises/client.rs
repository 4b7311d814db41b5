//! An AMQP client just large enough to ask for what the tests are about. Every wait has a deadline.

mod arrived;
mod links;

pub(crate) use arrived::{Arrived, Delivery, body, message};
pub(crate) use links::Answer;

use arrived::arrived;
use servicebus_emulator::amqp::{
    Begin, Open, Performative, Sasl,
    frame::{self, AMQP_HEADER, Kind, SASL_HEADER},
};
use std::{collections::VecDeque, net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    time,
};

const DEADLINE: Duration = Duration::from_secs(10);
/// How long the absence of something is watched.
const QUIET: Duration = Duration::from_millis(150);

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
}
