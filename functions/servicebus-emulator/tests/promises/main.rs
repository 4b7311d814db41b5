//! What the emulator promises, over real sockets, spoken through its own codec.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can't go on fails")]

mod client;
mod edges;
mod faults;
mod forwarding;
mod locks;
mod management;
mod messages;
mod protocol;
mod restart;
mod sessions;
mod settlement;
mod speed;
mod support;
mod time;
