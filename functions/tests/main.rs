//! The promises of the service, one module a subject. One binary, so that they build and run together.

mod support;
mod walkthrough;
