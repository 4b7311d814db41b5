//! The two hosts: Azure Functions, which calls us, and none, where we call ourselves.

pub mod invocation;
mod receiver;
pub mod standalone;
