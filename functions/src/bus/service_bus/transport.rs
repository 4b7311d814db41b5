//! From a host and a port to a byte stream that speaks AMQP: TCP, TLS over it, a WebSocket over that.

use super::{
    connection_string::Endpoint,
    error::{Error, ErrorKind},
    settings::{Login, Settings, Transport},
};
use fe2o3_amqp::{connection::ConnectionHandle, sasl_profile::SaslProfile};
use fe2o3_amqp_ws::WebSocketStream;
use std::{fmt, sync::Arc};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, pki_types::ServerName},
};
use uuid::Uuid;

/// Frames of this size are small enough to interleave links and large enough for a message (AMQP 1.0 §2.7.1).
const MAX_FRAME_BYTES: u32 = 64 * 1024;
/// A connection over which the broker sends nothing for so long is dead; the broker sends empty frames well before (§2.4.5).
const IDLE_MILLIS: u32 = 30_000;

/// Where the broker is and how it is spoken to.
#[derive(Debug, Clone)]
pub(super) struct Address {
    endpoint: Endpoint,
    /// None: plain TCP.
    tls: Option<Arc<ClientConfig>>,
    transport: Transport,
}

impl Address {
    pub(super) fn of(settings: &Settings) -> Result<Self, Error> {
        let unusable = |what: String| Error::new(ErrorKind::Refused, what);
        let (endpoint, plain) = match &settings.login {
            Login::ConnectionString(given) => (given.endpoint.clone(), given.use_development_emulator),
            Login::Entra { namespace, .. } => {
                (Endpoint::parse(namespace).map_err(|fault| unusable(format!("the namespace {fault}")))?, false)
            }
        };
        let tls = match (&settings.tls, plain) {
            (_, true) => None,
            (Some(tls), false) => Some(Arc::clone(tls)),
            (None, false) => return Err(unusable("it speaks TLS, and nobody said whom to trust".into())),
        };
        Ok(Self { endpoint, tls, transport: settings.transport })
    }

    /// What a token for `entity` is good for. The scheme is the one of the portal's connection strings.
    pub(super) fn audience(&self, entity: &str) -> String {
        format!("sb://{}/{entity}", self.endpoint)
    }

    /// Opens an AMQP connection, without a deadline of its own.
    pub(super) async fn open(&self) -> Result<ConnectionHandle<()>, Error> {
        let failed = |what: &str, error: &dyn fmt::Display| Error::new(ErrorKind::Connection, format!("{what} {}: {error}", self.endpoint));
        let host = self.endpoint.host.as_str();
        let port = self.endpoint.port.unwrap_or(match (self.transport, &self.tls) {
            (Transport::Tcp, Some(_)) => 5671,
            (Transport::Tcp, None) => 5672,
            (Transport::WebSocket, Some(_)) => 443,
            (Transport::WebSocket, None) => 80,
        });
        let tcp = TcpStream::connect((host, port)).await.map_err(|error| failed("cannot reach", &error))?;
        tcp.set_nodelay(true).map_err(|error| failed("cannot set up the socket to", &error))?;
        let Some(config) = &self.tls else {
            return Box::pin(self.negotiate(tcp, "ws")).await;
        };
        let name = ServerName::try_from(host.to_owned()).map_err(|error| failed("no TLS name", &error))?;
        let stream = TlsConnector::from(Arc::clone(config)).connect(name, tcp).await.map_err(|error| failed("no TLS with", &error))?;
        Box::pin(self.negotiate(stream, "wss")).await
    }

    async fn negotiate<S>(&self, stream: S, web_scheme: &str) -> Result<ConnectionHandle<()>, Error>
    where
        S: AsyncRead + AsyncWrite + fmt::Debug + Send + Unpin + 'static,
    {
        match self.transport {
            Transport::Tcp => self.open_amqp(stream).await,
            Transport::WebSocket => {
                let url = format!("{web_scheme}://{}/$servicebus/websocket", self.endpoint);
                let stream = WebSocketStream::connect_with_stream(url, stream)
                    .await
                    .map_err(|error| Error::new(ErrorKind::Connection, format!("no WebSocket with {}: {error}", self.endpoint)))?;
                self.open_amqp(stream).await
            }
        }
    }

    async fn open_amqp<S>(&self, stream: S) -> Result<ConnectionHandle<()>, Error>
    where
        S: AsyncRead + AsyncWrite + fmt::Debug + Send + Unpin + 'static,
    {
        let handle = fe2o3_amqp::Connection::builder()
            .container_id(format!("orders-{}", Uuid::new_v4()))
            .hostname(self.endpoint.host.as_str())
            .scheme("amqp")
            .sasl_profile(SaslProfile::Anonymous)
            .max_frame_size(MAX_FRAME_BYTES)
            .idle_time_out(IDLE_MILLIS)
            .open_with_stream(stream)
            .await?;
        Ok(handle)
    }
}
