//! Azure Service Bus over AMQP 1.0. Knows the broker's ways; knows nothing of orders.
//!
//! The names are those of Microsoft's own client for Rust, which is not published for AMQP yet.

mod batch;
mod calls;
mod client;
mod connection;
mod connection_string;
mod dead_letter;
mod error;
mod held;
mod losses;
mod management;
mod message;
mod outage;
mod pump;
mod receiver;
mod renewal;
mod sender;
mod sender_link;
mod settings;
mod token;
mod transport;

pub use client::ServiceBusClient;
pub use connection::Clock;
pub use connection_string::{ConnectionString, Endpoint, NotAConnectionString};
pub use dead_letter::DeadLetterQueue;
pub use error::{Error, ErrorKind};
pub use message::{Message, ReceivedMessage};
pub use receiver::Receiver;
pub use sender::Sender;
pub use settings::{Login, Settings, Transport};
