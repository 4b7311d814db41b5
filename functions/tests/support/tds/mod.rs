//! A scripted server that speaks as much TDS 8.0 as a login, a request and its answer need (MS-TDS 2.2).

mod read;
mod write;

pub use read::{Login, Request};
pub use write::{Cell, Column, Reply, Set};

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::{Arc, Mutex},
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

type OnLogin = dyn Fn(&Login, usize) -> Welcome + Send + Sync;
type OnRequest = dyn Fn(&Request, usize) -> Reply + Send + Sync;

/// What a login meets.
#[derive(Debug, Clone)]
pub enum Welcome {
    Accept,
    Refuse(u32, &'static str),
    Route(&'static str, u16),
}

/// What the server saw.
#[derive(Debug, Default)]
pub struct Seen {
    pub logins: Vec<Login>,
    pub requests: Vec<Request>,
    /// Connections that their client closed, or that were dropped on purpose.
    pub closed: usize,
    pub accepted: usize,
}

pub struct Peer {
    pub port: u16,
    /// The certificate of the authority that the server's own is from.
    pub authority: PathBuf,
    pub seen: Arc<Mutex<Seen>>,
    changed: watch::Receiver<()>,
    _folder: TempDir,
}

impl Peer {
    /// Answers what each closure says; both are told how many there were before.
    pub async fn start(
        on_login: impl Fn(&Login, usize) -> Welcome + Send + Sync + 'static,
        on_request: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = folder.path().join("authority.pem");
        let (acceptor, certificate) = super::tls::on_this_machine(&[b"tds/8.0"]);
        std::fs::write(&authority, certificate).unwrap();
        let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen: Arc<Mutex<Seen>> = Arc::default();
        let (change, changed) = watch::channel(());
        let server = Arc::new(Server { on_login: Box::new(on_login), on_request: Box::new(on_request), seen: Arc::clone(&seen), change });
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(Arc::clone(&server).connection(acceptor.clone(), stream));
            }
        });
        Self { port, authority, seen, changed, _folder: folder }
    }

    /// How one reaches it: all but the login.
    pub fn connection_string(&self) -> String {
        let authority = self.authority.display();
        format!("Server=tcp:localhost,{};Database=orders;Encrypt=Strict;ServerCertificate={authority}", self.port)
    }

    pub fn look<T>(&self, look: impl Fn(&Seen) -> T) -> T {
        look(&self.seen.lock().unwrap())
    }

    /// Waits until the server saw what is waited for.
    pub async fn until(&self, wanted: impl Fn(&Seen) -> bool) {
        let mut changed = self.changed.clone();
        let wait = async {
            while !self.look(&wanted) {
                changed.changed().await.unwrap();
            }
        };
        tokio::time::timeout(super::process::PATIENCE, wait).await.expect("the server saw it in time");
    }
}

struct Server {
    on_login: Box<OnLogin>,
    on_request: Box<OnRequest>,
    seen: Arc<Mutex<Seen>>,
    change: watch::Sender<()>,
}

impl Server {
    fn see<T>(&self, note: impl FnOnce(&mut Seen) -> T) -> T {
        let noted = note(&mut self.seen.lock().unwrap());
        self.change.send_replace(());
        noted
    }

    async fn connection(self: Arc<Self>, acceptor: TlsAcceptor, stream: TcpStream) {
        self.see(|seen| seen.accepted += 1);
        if let Ok(mut stream) = acceptor.accept(stream).await {
            // A client that goes away in the middle of a message is part of the script.
            drop(self.converse(&mut stream).await);
        }
        self.see(|seen| seen.closed += 1);
    }

    async fn converse(&self, stream: &mut TlsStream<TcpStream>) -> std::io::Result<()> {
        let (_, prelogin) = message(stream).await?;
        stream.write_all(&write::prelogin(&prelogin)).await?;
        let (_, body) = message(stream).await?;
        let login = Login::read(&body);
        let before = self.see(|seen| {
            seen.logins.push(login.clone());
            seen.logins.len() - 1
        });
        let welcome = (self.on_login)(&login, before);
        stream.write_all(&write::welcome(&welcome)).await?;
        if !matches!(welcome, Welcome::Accept) {
            return stream.shutdown().await;
        }
        loop {
            let (kind, body) = message(stream).await?;
            let request = Request::read(kind, &body);
            let before = self.see(|seen| {
                seen.requests.push(request.clone());
                seen.requests.len() - 1
            });
            match (self.on_request)(&request, before) {
                Reply::Hang => {
                    // Reads on, to see the client go.
                    message(stream).await?;
                }
                Reply::Drop => return Ok(()),
                reply => stream.write_all(&write::reply(&reply)).await?,
            }
        }
    }
}

/// A message's type and body, put together from its packets.
async fn message(stream: &mut TlsStream<TcpStream>) -> std::io::Result<(u8, Vec<u8>)> {
    let mut body = Vec::new();
    loop {
        let mut header = [0; 8];
        stream.read_exact(&mut header).await?;
        let length = usize::from(u16::from_be_bytes([header[2], header[3]])) - header.len();
        let start = body.len();
        body.resize(start + length, 0);
        stream.read_exact(&mut body[start..]).await?;
        if header[1] & 1 != 0 {
            return Ok((header[0], body));
        }
    }
}
