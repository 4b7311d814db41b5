//! AMQP 1.0 on the wire: types, frames, performatives and message sections. Knows nothing of queues.
//!
//! Section numbers in this module are those of OASIS AMQP 1.0, 2012-10-29.

pub mod decode;
pub mod encode;
mod fields;
pub mod frame;
mod link;
pub mod message;
mod performative;
mod properties;
mod sasl;
mod session;
mod state;
mod terminus;
#[cfg(test)]
mod tests;
mod transfer;
mod value;

pub use decode::{DecodeError, Decoder};
pub use link::{Attach, Detach};
pub use message::Message;
pub use performative::{Close, Open, Performative};
pub use properties::Properties;
pub use sasl::Sasl;
pub use session::{Begin, End, Flow};
pub use state::{DeliveryState, Error};
pub use terminus::Terminus;
pub use transfer::{Disposition, Transfer};
pub use value::{Value, lookup};

/// Which end of a link (2.8.1). On the wire `false` is the sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Sender,
    Receiver,
}
