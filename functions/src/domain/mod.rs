//! Orders, their events and what customers are told: pure decisions over values.
//!
//! Names nothing else of this crate, reads no clock, draws no random number: times and ids are passed in.

pub mod attempt;
pub mod change;
pub mod circuit;
pub mod currency;
pub mod delivery;
pub mod event;
pub mod fault;
pub mod id;
pub mod idempotency;
pub mod new_order;
pub mod node;
pub mod order;
pub mod page;
pub mod retry;
pub mod rotating;
pub mod settle;
pub mod status;
pub mod suppression;
pub mod timeline;
pub mod timestamp;
pub mod trace;
pub mod unreadable;
pub mod webhook;
