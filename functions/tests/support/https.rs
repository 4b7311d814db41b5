//! Serves a router of a test's on loopback, with TLS or without.

use super::tls;
use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use std::net::Ipv4Addr;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
};

/// Gives the port.
pub async fn plain(router: Router) -> u16 {
    let (listener, port) = listen().await;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, router.clone()));
        }
    });
    port
}

/// Gives the port, and the certificate of the authority to trust as PEM.
pub async fn with_tls(router: Router) -> (u16, String) {
    let (listener, port) = listen().await;
    let (acceptor, authority) = tls::on_this_machine(&[b"http/1.1"]);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, router) = (acceptor.clone(), router.clone());
            tokio::spawn(async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    serve(stream, router).await;
                }
            });
        }
    });
    (port, authority)
}

async fn listen() -> (TcpListener, u16) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, router: Router) {
    // A client that goes away in the middle is no fault of the server's.
    drop(http1::Builder::new().serve_connection(TokioIo::new(stream), TowerToHyperService::new(router)).await);
}
