//! One file for each thing the binary can be.

pub mod connections;
pub mod dev;
pub mod keys;
pub mod migrate;
pub mod serve;
