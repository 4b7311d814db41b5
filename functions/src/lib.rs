//! Takes orders over HTTP, stores them, publishes their events and tells the customer.

pub mod app;
pub mod bus;
pub mod channels;
pub mod clock;
pub mod commands;
pub mod config;
pub mod domain;
pub mod entra;
pub mod error;
pub mod handlers;
pub mod host;
pub mod https;
pub mod key_vault;
pub mod keys;
pub mod router;
pub mod store;
pub mod telemetry;
pub mod work;
