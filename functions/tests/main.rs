//! The promises of the service, one module a subject. One binary, so that they build and run together.
#![expect(unreachable_pub, reason = "a test binary has no outside")]

mod bindings;
mod boundaries;
mod support;
mod survives_kill;
mod walkthrough;
