//! What a connection comes over: TCP, TLS, and AMQP over WebSocket. Which of them it is, its first byte says, so that one port
//! serves all.

mod tls;
pub mod websocket;

pub use tls::{Tls, TlsError};

use std::{io, time::Duration};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWrite, BufReader},
    net::TcpStream,
    time,
};

/// How long a client may take until its first byte, its TLS handshake and its upgrade are done.
pub const HANDSHAKE: Duration = Duration::from_secs(10);
/// A TLS record of the type "handshake" (RFC 8446, section 5.1).
const TLS: u8 = 0x16;
/// `GET`: the only method that a WebSocket begins with (RFC 6455, section 4.1). AMQP begins with `AMQP`.
const HTTP: u8 = b'G';

/// Bytes both ways.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Duplex for T {}

/// AMQP as it is, in TLS if there is one, and in a WebSocket if the client begins one.
///
/// # Errors
/// The client left, took too long, or began something else.
pub async fn amqp(stream: TcpStream, tls: Option<&Tls>) -> io::Result<Box<dyn Duplex>> {
    // On the heap, since the handshakes of both libraries are large.
    in_time(Box::pin(async {
        let first = first(&stream).await?;
        if first == HTTP {
            return Ok(Box::new(websocket::accept(stream).await?) as Box<dyn Duplex>);
        }
        if first != TLS {
            return Ok(Box::new(stream));
        }
        let mut stream = BufReader::new(handshake(stream, tls).await?);
        if stream.fill_buf().await?.first() == Some(&HTTP) {
            return Ok(Box::new(websocket::accept(stream).await?));
        }
        Ok(Box::new(stream))
    }))
    .await
}

/// Whatever it is that the client speaks, in TLS if there is one, and whether it is.
///
/// # Errors
/// The client left, took too long, or its handshake failed.
pub async fn secured(stream: TcpStream, tls: Option<&Tls>) -> io::Result<(Box<dyn Duplex>, bool)> {
    in_time(async {
        if first(&stream).await? == TLS {
            return Ok((Box::new(handshake(stream, tls).await?) as Box<dyn Duplex>, true));
        }
        Ok((Box::new(stream) as Box<dyn Duplex>, false))
    })
    .await
}

async fn in_time<T>(work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    let late = || io::Error::new(io::ErrorKind::TimedOut, format!("the client began nothing within {} s", HANDSHAKE.as_secs()));
    time::timeout(HANDSHAKE, work).await.unwrap_or_else(|_| Err(late()))
}

async fn first(stream: &TcpStream) -> io::Result<u8> {
    let mut byte = [0];
    match stream.peek(&mut byte).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(byte[0]),
    }
}

async fn handshake(stream: TcpStream, tls: Option<&Tls>) -> io::Result<impl Duplex + use<>> {
    let off = || io::Error::new(io::ErrorKind::InvalidData, "the client began a TLS handshake, and TLS is not on");
    tls.ok_or_else(off)?.accept(stream).await
}

#[cfg(test)]
mod tests;
