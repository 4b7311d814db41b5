//! The AMQP side: connections, sessions and links over any stream, and what they ask of the broker.

mod attach;
mod cbs;
mod connection;
mod deliver;
mod incoming;
mod io;
mod link;
mod management;
mod output;
mod session;
mod settle;

use crate::{broker::Broker, faults::Faults};
use std::{sync::Arc, time::Duration};

pub(crate) use io::serve;

/// The Standard tier's limit of a message and of a batch, in bytes.
pub(crate) const MAX_MESSAGE_SIZE: u64 = 262_144;

/// What all connections share.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) broker: Arc<Broker>,
    pub(crate) faults: Faults,
    /// A connection on which nothing arrives for so long is closed.
    pub(crate) idle_time_out: Duration,
}
