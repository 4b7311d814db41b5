//! Takes orders over HTTP, stores them, publishes their events and tells the customer.

pub mod domain;
pub mod store;
