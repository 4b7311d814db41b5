//! Serves a router on a listener. A client that never finishes what it began does not keep its place for ever.

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use std::{io::ErrorKind, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_util::sync::CancellationToken;

/// How long a client may take for a request's header, and may leave a connection idle between requests. Longer than
/// the Functions host and Azure's load balancers keep theirs, so that it is they who close.
const HEADER: Duration = Duration::from_mins(5);
/// Connections at the same time; the next one waits to be accepted.
const CONNECTIONS: usize = 8192;
/// How long to rest when the process can open no more files.
const REST: Duration = Duration::from_millis(500);

/// Accepts until `stop`, then lets every connection finish its request.
pub async fn serve(listener: TcpListener, router: Router, stop: &CancellationToken) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEADER);
    // A client that says no more still waits for its answer; and one that has gone altogether looks the same until then.
    http.half_close(true);
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = async { (Arc::clone(&places).acquire_owned().await, accept(&listener).await) } => accepted,
        };
        let (place, stream) = accepted;
        let service = TowerToHyperService::new(router.clone());
        let connection = graceful.watch(http.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended badly");
            }
            drop(place);
        });
    }
    drop(listener);
    graceful.shutdown().await;
}

async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // An answer is written whole; to wait for more of it would only delay it.
                if stream.set_nodelay(true).is_ok() {
                    return stream;
                }
            }
            // The client has gone before it was let in.
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset) => {}
            Err(error) => {
                tracing::warn!(%error, "cannot accept connections");
                tokio::time::sleep(REST).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    async fn start() -> (TcpStream, CancellationToken, tokio::task::JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let stop = CancellationToken::new();
        let token = stop.clone();
        let router = Router::new().route("/", get(|| async { "here" }));
        (client, stop, tokio::spawn(async move { serve(listener, router, &token).await }))
    }

    #[tokio::test]
    async fn a_client_that_never_finishes_its_header_is_hung_up_on() {
        let (mut client, _stop, _server) = start().await;
        client.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n").await.unwrap();
        tokio::time::pause();
        let mut said = String::new();
        client.read_to_string(&mut said).await.unwrap();
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 408"), "{said}");
    }

    #[tokio::test]
    async fn an_idle_connection_does_not_keep_the_process_from_ending() {
        let (mut client, stop, server) = start().await;
        client.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        let mut answer = [0; 12];
        client.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 200");
        stop.cancel();
        server.await.unwrap();
    }
}
