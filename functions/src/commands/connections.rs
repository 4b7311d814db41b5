//! Serves a router on a listener. A client that never finishes what it began does not keep its place for ever.

use super::paced::Paced;
use axum::Router;
use hyper::{
    server::conn::http1,
    service::{Service, service_fn},
};
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

/// How long a connection may rest between requests. Longer than the Functions host and Azure's load balancers keep
/// theirs, so that it is they who close.
const REST_BETWEEN: Duration = Duration::from_mins(5);
/// The largest header of a request, in bytes; above it the answer is 431.
const HEADER: usize = 64 * 1024;
/// Connections at the same time; the next one waits to be accepted.
const CONNECTIONS: usize = 8192;
/// How long to rest when the process can open no more files.
const REST: Duration = Duration::from_millis(500);

/// Accepts until `stop`, then lets every connection finish its request.
pub async fn serve(listener: TcpListener, router: Router, stop: &CancellationToken) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(REST_BETWEEN).max_header_size(HEADER);
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
        let (stream, phase) = Paced::new(stream);
        let service = TowerToHyperService::new(router.clone());
        let service = service_fn(move |request| {
            phase.answer();
            service.call(request)
        });
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
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        time::Instant,
    };

    /// Bytes; more than the system's buffers take.
    const LARGE: usize = 16 * 1024 * 1024;

    async fn start() -> (TcpStream, CancellationToken, tokio::task::JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let stop = CancellationToken::new();
        let token = stop.clone();
        let router = Router::new().route("/", get(|| async { "here" })).route("/large", get(|| async { vec![b'x'; LARGE] }));
        (client, stop, tokio::spawn(async move { serve(listener, router, &token).await }))
    }

    /// Sends this, and says how long the connection lasts from then on.
    async fn lasts(client: &mut TcpStream, said: &str) -> Duration {
        client.write_all(said.as_bytes()).await.unwrap();
        // What was asked for whole is answered before time is made to pass.
        if said.contains(WHOLE) {
            client.read_exact(&mut [0; 12]).await.unwrap();
        }
        tokio::time::pause();
        let begun = Instant::now();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        tokio::time::resume();
        begun.elapsed()
    }

    const WHOLE: &str = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

    #[tokio::test]
    async fn a_client_that_never_finishes_its_header_is_hung_up_on() {
        let (mut client, ..) = start().await;
        let lasted = lasts(&mut client, "GET / HTTP/1.1\r\nHost: x\r\n").await;
        assert!((Duration::from_secs(10)..Duration::from_secs(31)).contains(&lasted), "{lasted:?}");
    }

    #[tokio::test]
    async fn a_client_that_began_a_header_after_a_long_rest_has_as_long_for_it() {
        let (mut client, ..) = start().await;
        client.write_all(WHOLE.as_bytes()).await.unwrap();
        client.read_exact(&mut [0; 12]).await.unwrap();
        tokio::time::pause();
        tokio::time::sleep(Duration::from_mins(4)).await;
        tokio::time::resume();
        let lasted = lasts(&mut client, "GET").await;
        assert!((Duration::from_secs(10)..Duration::from_secs(31)).contains(&lasted), "{lasted:?}");
    }

    #[tokio::test]
    async fn a_connection_may_rest_between_requests_for_longer_than_those_in_front_keep_theirs() {
        for said in [WHOLE, ""] {
            let (mut client, ..) = start().await;
            let lasted = lasts(&mut client, said).await;
            assert!(lasted >= Duration::from_mins(5) - Duration::from_secs(1), "{lasted:?} after {said:?}");
        }
    }

    #[tokio::test]
    async fn a_client_that_does_not_read_its_answers_is_hung_up_on() {
        let (mut client, stop, server) = start().await;
        let request = "GET /large HTTP/1.1\r\nHost: x\r\n\r\n".repeat(20);
        client.write_all(request.as_bytes()).await.unwrap();
        client.read_exact(&mut [0; 12]).await.unwrap();
        tokio::time::pause();
        let begun = Instant::now();
        stop.cancel();
        tokio::time::timeout(Duration::from_mins(2), server).await.expect("it does not hold up the end").unwrap();
        assert!(begun.elapsed() < Duration::from_secs(40), "{:?}", begun.elapsed());
    }

    #[tokio::test]
    async fn a_client_that_reads_slowly_gets_all_of_its_answer() {
        let (mut client, ..) = start().await;
        client.write_all(b"GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
        let (mut read, mut piece) = (0, vec![0; LARGE / 16]);
        loop {
            let count = client.read(&mut piece).await.unwrap();
            if count == 0 {
                break;
            }
            read += count;
            tokio::time::pause();
            tokio::time::sleep(Duration::from_millis(500)).await;
            tokio::time::resume();
        }
        assert!(read > LARGE, "{read} bytes");
    }

    #[tokio::test]
    async fn a_header_of_more_than_64_kib_is_refused() {
        let (mut client, ..) = start().await;
        client.write_all(b"GET / HTTP/1.1\r\nx: ").await.unwrap();
        // The refusal may come before all is sent.
        let _ = client.write_all(&vec![b'x'; 128 * 1024]).await;
        let mut answer = [0; 12];
        client.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 431");
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
