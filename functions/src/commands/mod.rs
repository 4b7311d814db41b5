//! One file for each thing the binary can be.

pub mod connections;
#[cfg(feature = "dev")]
pub mod dev;
pub mod dlq;
#[cfg(feature = "dev")]
pub mod emulator;
pub mod keys;
pub mod migrate;
pub mod serve;
