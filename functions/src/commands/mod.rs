//! One file for each thing the binary can be.

pub mod connections;
pub mod deliveries;
#[cfg(feature = "dev")]
pub mod dev;
pub mod dlq;
#[cfg(feature = "dev")]
pub mod emulator;
pub mod keys;
pub mod migrate;
mod paced;
pub mod serve;
pub mod suppressions;
mod table;
pub mod timeline;
pub mod webhooks;
