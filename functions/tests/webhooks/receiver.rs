//! A receiver of webhooks: answers as the test says, and writes down what it was sent.

use crate::support::process::until;
use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;

#[derive(Debug, Clone)]
pub enum Answer {
    /// A whole answer: its status line's end, and header lines.
    Says(&'static str, Vec<String>),
    /// Nothing, for as long as the connection stands.
    Hang,
    /// A head that never ends, a line now and then.
    Drip,
    /// 200, and then this many bytes.
    Floods(usize),
    /// The connection is broken off after the request was read.
    Reset,
}

#[derive(Debug, Clone)]
pub struct Request {
    pub path: String,
    pub headers: HashMap<String, String>,
    pub body: String,
}

#[derive(Default)]
struct Seen {
    requests: Mutex<Vec<Request>>,
    answers: Mutex<VecDeque<Answer>>,
    turned_away: Mutex<Option<String>>,
    connections: AtomicUsize,
    flooded: AtomicUsize,
}

pub struct Receiver {
    pub port: u16,
    seen: Arc<Seen>,
    accepting: JoinHandle<()>,
}

impl Receiver {
    pub async fn start() -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").await.unwrap(), None)
    }

    /// On a port that was given up before.
    pub async fn again_at(port: u16) -> Self {
        // For a moment it may be the near end of somebody's connection.
        Self::on(until("the port is free", || async { TcpListener::bind(("127.0.0.1", port)).await.ok() }).await, None)
    }

    pub async fn with_tls(tls: TlsAcceptor) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").await.unwrap(), Some(tls))
    }

    fn on(listener: TcpListener, tls: Option<TlsAcceptor>) -> Self {
        let port = listener.local_addr().unwrap().port();
        let seen: Arc<Seen> = Arc::default();
        let seeing = Arc::clone(&seen);
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                seeing.connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(connection(stream, tls.clone(), Arc::clone(&seeing)));
            }
        });
        Self { port, seen, accepting }
    }

    /// Nobody listens on its port any more.
    pub async fn stop(self) -> u16 {
        self.accepting.abort();
        drop(self.accepting.await);
        self.port
    }

    /// The next requests are answered so; all after them with 204.
    pub fn answer_next(&self, answers: impl IntoIterator<Item = Answer>) {
        self.seen.answers.lock().unwrap().extend(answers);
    }

    /// Requests whose body holds this are answered with 503, however often they come.
    pub fn turn_away(&self, text: &str) {
        *self.seen.turned_away.lock().unwrap() = Some(text.to_owned());
    }

    pub fn requests(&self) -> Vec<Request> {
        self.seen.requests.lock().unwrap().clone()
    }

    pub fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::SeqCst)
    }

    /// Bytes of a flood that went out.
    pub fn flooded(&self) -> usize {
        self.seen.flooded.load(Ordering::SeqCst)
    }
}

async fn connection(stream: TcpStream, tls: Option<TlsAcceptor>, seen: Arc<Seen>) {
    match tls {
        None => converse(stream, &seen).await,
        Some(tls) => {
            if let Ok(stream) = tls.accept(stream).await {
                converse(stream, &seen).await;
            }
        }
    }
}

/// Requests on one connection, until it ends.
async fn converse(mut stream: impl AsyncRead + AsyncWrite + Unpin, seen: &Seen) {
    while let Some(request) = read(&mut stream).await {
        let is_unwanted = seen.turned_away.lock().unwrap().as_ref().is_some_and(|text| request.body.contains(text));
        seen.requests.lock().unwrap().push(request);
        let answer =
            if is_unwanted { Some(Answer::Says("503 Service Unavailable", vec![])) } else { seen.answers.lock().unwrap().pop_front() };
        match answer.unwrap_or(Answer::Says("204 No Content", vec![])) {
            Answer::Says(status, headers) => {
                let length = if status.starts_with("204") { "" } else { "content-length: 0\r\n" };
                let headers = headers.iter().map(|header| [header, "\r\n"].concat()).collect::<Vec<_>>().concat();
                if stream.write_all(format!("HTTP/1.1 {status}\r\n{length}{headers}\r\n").as_bytes()).await.is_err() {
                    return;
                }
            }
            Answer::Hang => {
                let mut rest = Vec::new();
                drop(stream.read_to_end(&mut rest).await);
            }
            Answer::Drip => {
                let mut line = "HTTP/1.1 200 OK\r\n";
                while stream.write_all(line.as_bytes()).await.is_ok() {
                    line = "x-filler: x\r\n";
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
            Answer::Floods(bytes) => {
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {bytes}\r\n\r\n");
                let mut sent = stream.write_all(head.as_bytes()).await;
                while sent.is_ok() && seen.flooded.load(Ordering::SeqCst) < bytes {
                    sent = stream.write_all(&[b'x'; 16 * 1024]).await;
                    seen.flooded.fetch_add(16 * 1024, Ordering::SeqCst);
                }
                return;
            }
            Answer::Reset => return,
        }
    }
}

/// `None` at the end of the connection.
pub async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Option<Request> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let text = String::from_utf8(bytes[..head].to_vec()).unwrap();
    let mut lines = text.split("\r\n");
    let path = lines.next()?.split(' ').nth(1)?.to_owned();
    let header = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned()));
    let headers: HashMap<_, _> = lines.filter_map(header).collect();
    let length: usize = headers.get("content-length").map_or(0, |value| value.parse().unwrap());
    while bytes.len() < head + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    Some(Request { path, headers, body: String::from_utf8(bytes[head..].to_vec()).unwrap() })
}
