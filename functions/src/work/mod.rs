//! What goes on behind the requests: publishing, telling, and taking up what was left.

pub mod deliver;
pub mod directory;
mod ledgered;
pub mod notify;
pub mod relay;
pub mod sweep;
