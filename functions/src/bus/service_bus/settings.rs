//! What a client is told when it is made.

use super::connection_string::ConnectionString;
use azure_core::credentials::TokenCredential;
use std::{sync::Arc, time::Duration};
use tokio_rustls::rustls::ClientConfig;

#[derive(Debug, Clone)]
pub struct Settings {
    pub login: Login,
    pub transport: Transport,
    pub topic: String,
    pub subscription: String,
    /// Messages that this process has on loan at most, being handled or waiting for it; at least 1.
    pub prefetch: u32,
    /// How long publishing goes on trying before it gives the messages back.
    pub publish_within: Duration,
    /// How long a token made from a shared access key is good for.
    pub sas_life: Duration,
    /// Whom to trust; needed for all brokers but an emulator that is spoken to in plain.
    pub tls: Option<Arc<ClientConfig>>,
}

impl Settings {
    pub fn new(login: Login, topic: impl Into<String>, subscription: impl Into<String>) -> Self {
        Self {
            login,
            transport: Transport::Tcp,
            topic: topic.into(),
            subscription: subscription.into(),
            prefetch: 256,
            publish_within: Duration::from_secs(10),
            sas_life: Duration::from_hours(1),
            tls: None,
        }
    }
}

#[derive(Debug, Clone)]
pub enum Login {
    ConnectionString(ConnectionString),
    Entra {
        /// The namespace's host, as in `contoso.servicebus.windows.net`.
        namespace: String,
        /// Asked for a token of Microsoft Entra ID.
        credential: Arc<dyn TokenCredential>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// AMQP over TLS, port 5671; over plain TCP, port 5672, to an emulator.
    Tcp,
    /// AMQP in a WebSocket, port 443, for networks that close the others.
    WebSocket,
}
