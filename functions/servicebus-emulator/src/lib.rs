//! An Azure Service Bus that fits into a test: AMQP 1.0 as Microsoft's clients speak it, in one process and in memory.

pub mod admin;
pub mod amqp;
mod broker;
mod clock;
pub mod config;
mod emulator;
mod faults;
pub mod filter;
pub mod journal;
mod listen;
mod server;
pub mod transport;

pub use clock::{Clock, ManualClock, SystemClock};
pub use emulator::{Certificate, Emulator, Options, StartError, start};
pub use faults::{Faults, Loss};
