//! AMQP over WebSocket, the binding that passes where only port 443 is open.
//!
//! The bytes of the AMQP connection come in binary messages, which begin and end anywhere. Microsoft's clients ask for the
//! subprotocol `AMQPWSB10`, those that follow the OASIS draft for `amqp`.

use super::Duplex;
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt, future::ready};
use std::io;
use tokio_tungstenite::{
    accept_hdr_async_with_config,
    tungstenite::{
        self, Message,
        handshake::server::{ErrorResponse, Request, Response},
        http::{HeaderValue, StatusCode, header::SEC_WEBSOCKET_PROTOCOL},
        protocol::WebSocketConfig,
    },
};
use tokio_util::io::{CopyToBytes, SinkWriter, StreamReader};

pub const PATH: &str = "/$servicebus/websocket";
const SUBPROTOCOLS: [&str; 2] = ["amqp", "AMQPWSB10"];
/// Bytes. The largest AMQP frame is 64 KiB, and a message with more than some frames gains nothing.
const MESSAGE: usize = 1024 * 1024;

/// Answers the upgrade; the stream gives what the messages carry, in order.
///
/// # Errors
/// The client asked for something else, which was answered with 404 or 400, or it left.
pub async fn accept<S: Duplex>(stream: S) -> io::Result<impl Duplex + use<S>> {
    let config = WebSocketConfig::default().max_message_size(Some(MESSAGE)).max_frame_size(Some(MESSAGE));
    let socket = accept_hdr_async_with_config(stream, negotiate, Some(config)).await.map_err(to_io)?;
    let (sink, source) = socket.split();
    let source = source.filter_map(|message| {
        ready(match message {
            Ok(Message::Binary(bytes)) => Some(Ok(bytes)),
            Ok(Message::Text(_)) => {
                Some(Err(io::Error::new(io::ErrorKind::InvalidData, "AMQP comes in binary messages, and this is a text")))
            }
            // Answers to pings and to a close are sent by the library.
            Ok(_) => None,
            Err(error) => Some(Err(to_io(error))),
        })
    });
    let sink = sink.with(|bytes: Bytes| ready(Ok::<_, tungstenite::Error>(Message::Binary(bytes)))).sink_map_err(to_io);
    Ok(tokio::io::join(StreamReader::new(source), SinkWriter::new(CopyToBytes::new(sink))))
}

fn to_io(error: tungstenite::Error) -> io::Error {
    match error {
        tungstenite::Error::Io(error) => error,
        other => io::Error::other(other),
    }
}

#[expect(clippy::result_large_err, reason = "the library's signature")]
fn negotiate(request: &Request, mut response: Response) -> Result<Response, ErrorResponse> {
    if !request.uri().path().trim_end_matches('/').eq_ignore_ascii_case(PATH) {
        return Err(refusal(StatusCode::NOT_FOUND, format!("AMQP over WebSocket is at {PATH}")));
    }
    let offered = request.headers().get_all(SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
    let mut offered = offered.flat_map(|list| list.split(',')).map(str::trim);
    let chosen = offered.find_map(|offer| SUBPROTOCOLS.into_iter().find(|known| offer.eq_ignore_ascii_case(known)));
    let Some(chosen) = chosen else {
        return Err(refusal(StatusCode::BAD_REQUEST, format!("the subprotocol must be one of {}", SUBPROTOCOLS.join(", "))));
    };
    response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(chosen));
    Ok(response)
}

fn refusal(status: StatusCode, complaint: String) -> ErrorResponse {
    let mut response = ErrorResponse::new(Some(complaint));
    *response.status_mut() = status;
    response
}
