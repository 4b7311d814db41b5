//! Accepting connections, and not accepting them while a fault says so.

use crate::{
    server::{self, Server},
    transport::{self, Tls},
};
use std::{io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time,
};

/// Connections at once: many times what a test opens, and a bound to memory.
const CONNECTIONS: usize = 10_000;

/// Accepts for ever. While it pauses, the port is closed, so that clients see a refusal and not silence.
pub(crate) async fn run(listener: TcpListener, address: SocketAddr, tls: Option<Tls>, server: Arc<Server>) {
    let mut listening = server.faults.listening();
    let mut connections = JoinSet::new();
    let mut listener = Some(listener);
    loop {
        let open = *listening.borrow_and_update();
        match &mut listener {
            Some(_) if !open => {
                listener = None;
                server.faults.port_closed();
            }
            None if open => match TcpListener::bind(address).await {
                Ok(bound) => {
                    listener = Some(bound);
                    server.faults.port_opened();
                }
                Err(error) => {
                    tracing::warn!(%address, %error, "The port can't be opened again yet");
                    time::sleep(Duration::from_millis(20)).await;
                }
            },
            Some(bound) => tokio::select! {
                accepted = bound.accept(), if connections.len() < CONNECTIONS => match accepted {
                    Ok((stream, _)) => drop(connections.spawn(serve(stream, tls.clone(), server.clone()))),
                    Err(error) => back_off(&error).await,
                },
                _ = listening.changed() => {}
                Some(_) = connections.join_next(), if !connections.is_empty() => {}
            },
            None => tokio::select! {
                _ = listening.changed() => {}
                Some(_) = connections.join_next(), if !connections.is_empty() => {}
            },
        }
    }
}

async fn serve(stream: TcpStream, tls: Option<Tls>, server: Arc<Server>) {
    // Answers are small and waited for.
    let _ = stream.set_nodelay(true);
    match transport::amqp(stream, tls.as_ref()).await {
        Ok(stream) => server::serve(stream, server).await,
        Err(error) => tracing::debug!(%error, "A connection did not begin"),
    }
}

/// Out of file descriptors, for instance: to try again at once would only burn the processor.
async fn back_off(error: &io::Error) {
    tracing::warn!(%error, "A connection can't be accepted");
    time::sleep(Duration::from_millis(50)).await;
}
