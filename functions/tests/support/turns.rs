//! A proxy that counts how often a client speaks and is answered, or keeps an answer back. It understands nothing of it.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

pub struct Turns {
    pub port: u16,
    count: Arc<AtomicUsize>,
    cut: Arc<AtomicBool>,
}

impl Turns {
    /// Stands before a server on this machine.
    pub async fn before(server: u16) -> Self {
        let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let count: Arc<AtomicUsize> = Arc::default();
        let cut: Arc<AtomicBool> = Arc::default();
        let (counted, cutting) = (Arc::clone(&count), Arc::clone(&cut));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect((Ipv4Addr::LOCALHOST, server)).await.unwrap();
                client.set_nodelay(true).unwrap();
                server.set_nodelay(true).unwrap();
                let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
                // Whose turn it was last: the server's, so that the client's first words count.
                let answered = Arc::new(AtomicBool::new(true));
                let (count, asked) = (Arc::clone(&counted), Arc::clone(&answered));
                let ask = move || {
                    if asked.swap(false, Ordering::SeqCst) {
                        count.fetch_add(1, Ordering::SeqCst);
                    }
                    true
                };
                let cut = Arc::clone(&cutting);
                let answer = move || {
                    answered.store(true, Ordering::SeqCst);
                    !cut.swap(false, Ordering::SeqCst)
                };
                tokio::spawn(async move {
                    tokio::select! {
                        () = carry(from_client, to_server, ask) => {}
                        () = carry(from_server, to_client, answer) => {}
                    }
                });
            }
        });
        Self { port, count, cut }
    }

    /// The next answer does not arrive, and its connection breaks.
    pub fn cut_next_answer(&self) {
        self.cut.store(true, Ordering::SeqCst);
    }

    pub fn was_cut(&self) -> bool {
        !self.cut.load(Ordering::SeqCst)
    }

    pub fn count(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }
}

/// Until either side goes, or what was said is not to be passed on.
async fn carry(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, pass_on: impl Fn() -> bool) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        if !pass_on() || to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}
